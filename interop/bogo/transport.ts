/**
 * The runner's stand-in for QUIC, over TCP: records of type, encryption level, cipher suite and length, then the traffic
 * secret in the clear and the content, so that both sides see whether their keys agree.
 */

import type { Socket } from "node:net";
import { ENCRYPTION_LEVEL_NAMES, EncryptionLevel, type TrafficSecret } from "../../src/tls/handshake.ts";

export const RecordType = { alert: 21, handshake: 22, applicationData: 23 } as const;

export interface MockRecord {
  readonly type: number;
  readonly level: EncryptionLevel;
  readonly content: Uint8Array;
}

interface Keys {
  readonly suite: number;
  readonly secret: Uint8Array;
}

const NO_KEYS: Keys = { suite: 0, secret: new Uint8Array(0) };
const HEADER_LENGTH = 8;
const FATAL = 2;

export class MockTransport {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #readKeys = new Map<EncryptionLevel, Keys>([[EncryptionLevel.initial, NO_KEYS]]);
  readonly #writeKeys = new Map<EncryptionLevel, Keys>([[EncryptionLevel.initial, NO_KEYS]]);
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  setSecret({ level, direction, suite, secret }: TrafficSecret): void {
    (direction === "read" ? this.#readKeys : this.#writeKeys).set(level, { suite: suite.id, secret });
  }

  canWrite(level: EncryptionLevel): boolean {
    return this.#writeKeys.has(level);
  }

  /** The next record; undefined at the end. */
  async read(): Promise<MockRecord | undefined> {
    for (;;) {
      const header = await this.#take(HEADER_LENGTH);
      if (header === undefined) return undefined;
      const level = header[1] as EncryptionLevel;
      const body = await this.#take(header.readUInt32BE(4));
      if (body === undefined) return undefined;
      const keys = this.#readKeys.get(level);
      if (keys === undefined) {
        // Without its keys, 0-RTT data was rejected.
        if (level === EncryptionLevel.zeroRtt) continue;
        throw new Error(`a record at level ${ENCRYPTION_LEVEL_NAMES[level] ?? level} before its keys`);
      }
      if (header.readUInt16BE(2) !== keys.suite) throw new Error("a record of another cipher suite");
      const { length } = keys.secret;
      if (!body.subarray(0, length).equals(keys.secret)) throw new Error("a record with another secret");
      return { type: header[0]!, level, content: new Uint8Array(body.subarray(length)) };
    }
  }

  write(type: number, level: EncryptionLevel, content: Uint8Array): void {
    const { suite, secret } = this.#writeKeys.get(level)!;
    const header = Buffer.alloc(HEADER_LENGTH);
    header[0] = type;
    header[1] = level;
    header.writeUInt16BE(suite, 2);
    header.writeUInt32BE(secret.length + content.length, 4);
    this.#socket.write(Buffer.concat([header, secret, content]));
  }

  sendAlert(alert: number): void {
    const { oneRtt, handshake, initial } = EncryptionLevel;
    const level = [oneRtt, handshake, initial].find((candidate) => this.canWrite(candidate))!;
    this.write(RecordType.alert, level, Uint8Array.of(FATAL, alert));
  }

  /** Sends what is queued and the end, and waits for the peer's. */
  async close(): Promise<void> {
    this.#socket.end();
    while ((await this.#next()) !== undefined);
    this.#socket.destroy();
  }

  async #take(length: number): Promise<Buffer | undefined> {
    while (this.#received.length < length) {
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      this.#received = Buffer.concat([this.#received, chunk]);
    }
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#chunks.next();
      return done === true ? undefined : value;
    } catch {
      // The runner resets a connection that it gives up.
      return undefined;
    }
  }
}
