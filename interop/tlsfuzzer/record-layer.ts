/**
 * TLS 1.3's record protocol (RFC 8446 §5) around our server, which exists only for QUIC: enough to exchange messages, alerts and
 * data with a client over TCP. Part of the tests, not of Nagare.
 */

import type { Socket } from "node:net";
import { type CryptoEngine, IV_LENGTH, KEY_LENGTH, TAG_LENGTH } from "../../src/crypto/engine.ts";
import { hkdfExpandLabel } from "../../src/crypto/hkdf.ts";
import { EncryptionLevel, type TrafficSecret } from "../../src/tls/handshake.ts";

export const RecordType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

const HEADER_LENGTH = 5;
const MAX_PLAINTEXT = 1 << 14;
const MAX_CIPHERTEXT = MAX_PLAINTEXT + 256;
const LEGACY_RECORD_VERSION = 0x0303;
const FATAL = 2;
const WARNING = 1;

/** What the record protocol itself refuses. */
export class RecordError extends Error {
  readonly alert: number;

  constructor(alert: number, message: string) {
    super(message);
    this.alert = alert;
  }
}

const UNEXPECTED_MESSAGE = 10;
const BAD_RECORD_MAC = 20;
const RECORD_OVERFLOW = 22;

export interface PlainRecord {
  readonly type: number;
  readonly level: EncryptionLevel;
  readonly content: Uint8Array;
}

/** One direction's keys at one level. */
class RecordKey {
  readonly level: EncryptionLevel;
  readonly #engine: CryptoEngine;
  readonly #aead: TrafficSecret["suite"]["aead"];
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  #sequence = 0;

  constructor(engine: CryptoEngine, { level, suite, secret }: TrafficSecret) {
    const expand = (label: string, length: number) =>
      hkdfExpandLabel(engine, suite.hash, secret, label, new Uint8Array(0), length);
    this.level = level;
    this.#engine = engine;
    this.#aead = suite.aead;
    this.#key = expand("key", KEY_LENGTH[suite.aead]);
    this.#iv = expand("iv", IV_LENGTH);
  }

  /** RFC 8446 §5.3 */
  #nonce(): Uint8Array {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(IV_LENGTH - 4) ^ this.#sequence++) >>> 0, IV_LENGTH - 4);
    return new Uint8Array(nonce);
  }

  seal(header: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#engine.aeadSeal(this.#aead, this.#key, this.#nonce(), header, plaintext);
  }

  open(header: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    if (ciphertext.length < TAG_LENGTH) return undefined;
    return this.#engine.aeadOpen(this.#aead, this.#key, this.#nonce(), header, ciphertext);
  }
}

function header(type: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(HEADER_LENGTH);
  bytes[0] = type;
  bytes.writeUInt16BE(LEGACY_RECORD_VERSION, 1);
  bytes.writeUInt16BE(length, 3);
  return new Uint8Array(bytes);
}

export class RecordLayer {
  readonly #socket: Socket;
  readonly #engine: CryptoEngine;
  #readKey: RecordKey | undefined;
  #writeKey: RecordKey | undefined;
  #received = Buffer.alloc(0);
  #hasSentDummy = false;

  constructor(socket: Socket, engine: CryptoEngine) {
    this.#socket = socket;
    this.#engine = engine;
  }

  setSecret(secret: TrafficSecret): void {
    const key = new RecordKey(this.#engine, secret);
    if (secret.direction === "read") this.#readKey = key;
    else this.#writeKey = key;
  }

  receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
  }

  /** The next record that was received whole; undefined if there is none. */
  next(): PlainRecord | undefined {
    for (;;) {
      if (this.#received.length < HEADER_LENGTH) return undefined;
      const start = new Uint8Array(this.#received.subarray(0, HEADER_LENGTH));
      const length = this.#received.readUInt16BE(3);
      const isProtected = this.#readKey !== undefined && start[0] === RecordType.applicationData;
      if (length > (isProtected ? MAX_CIPHERTEXT : MAX_PLAINTEXT)) {
        throw new RecordError(RECORD_OVERFLOW, `a record of ${length} bytes`);
      }
      if (this.#received.length < HEADER_LENGTH + length) return undefined;
      const content = new Uint8Array(this.#received.subarray(HEADER_LENGTH, HEADER_LENGTH + length));
      this.#received = this.#received.subarray(HEADER_LENGTH + length);
      // RFC 8446 §5: ignored during the handshake, if it is a single 1.
      const isDummy = start[0] === RecordType.changeCipherSpec && this.#readKey?.level !== EncryptionLevel.oneRtt;
      if (isDummy && content.length === 1 && content[0] === 1) continue;
      return isProtected ? this.#unprotect(start, content) : this.#plain(start[0]!, content);
    }
  }

  #plain(type: number, content: Uint8Array): PlainRecord {
    // Before the server's flight is answered, a client cannot have keys for its alert.
    const isAlert = type === RecordType.alert && this.#readKey?.level !== EncryptionLevel.oneRtt;
    if (this.#readKey !== undefined && !isAlert) throw new RecordError(UNEXPECTED_MESSAGE, "an unprotected record");
    return this.#checked({ type, level: EncryptionLevel.initial, content });
  }

  #unprotect(start: Uint8Array, ciphertext: Uint8Array): PlainRecord {
    const key = this.#readKey!;
    const inner = key.open(start, ciphertext);
    if (inner === undefined) throw new RecordError(BAD_RECORD_MAC, "a record that does not decrypt");
    if (inner.length > MAX_PLAINTEXT + 1) throw new RecordError(RECORD_OVERFLOW, `${inner.length} bytes of plaintext`);
    // RFC 8446 §5.4: the type is the last byte that is not padding.
    const at = inner.findLastIndex((byte) => byte !== 0);
    if (at < 0) throw new RecordError(UNEXPECTED_MESSAGE, "a record without a type");
    return this.#checked({ type: inner[at]!, level: key.level, content: inner.subarray(0, at) });
  }

  /** RFC 8446 §5.1: only application data may be empty. */
  #checked(record: PlainRecord): PlainRecord {
    if (record.content.length > 0 || record.type === RecordType.applicationData) return record;
    throw new RecordError(UNEXPECTED_MESSAGE, `an empty record of type ${record.type}`);
  }

  write(type: number, content: Uint8Array): void {
    for (let at = 0; at < content.length; at += MAX_PLAINTEXT) {
      this.#writeOne(type, content.subarray(at, at + MAX_PLAINTEXT));
    }
  }

  #writeOne(type: number, content: Uint8Array): void {
    const key = this.#writeKey;
    if (key === undefined) {
      this.#socket.write(Buffer.concat([header(type, content.length), content]));
      return;
    }
    const inner = Buffer.concat([content, Buffer.of(type)]);
    const start = header(RecordType.applicationData, inner.length + TAG_LENGTH);
    this.#socket.write(Buffer.concat([start, key.seal(start, new Uint8Array(inner))]));
  }

  /** RFC 8446 §D.4: a dummy change_cipher_spec after the first message. */
  sendDummy(): void {
    if (!this.#hasSentDummy) this.#socket.write(Buffer.concat([header(RecordType.changeCipherSpec, 1), Buffer.of(1)]));
    this.#hasSentDummy = true;
  }

  sendAlert(alert: number, isFatal: boolean): void {
    this.write(RecordType.alert, Uint8Array.of(isFatal ? FATAL : WARNING, alert));
  }
}
