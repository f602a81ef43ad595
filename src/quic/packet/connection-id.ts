/** Connection ids (RFC 9000 §5.1): opaque bytes that map packets to connections. */

import type { Rng } from "../../base/rng.ts";
import { toHex } from "../../wire/hex.ts";
import { fromLatin1 } from "../../wire/text.ts";
import type { Writer } from "../../wire/writer.ts";

/** RFC 9000 §17.2: the maximum in version 1. Other versions may use up to 255 bytes (RFC 8999 §5.3). */
export const MAX_CONNECTION_ID_LENGTH = 20;

/** The `Map` key of a connection id, made directly from the datagram: one character per byte. */
export function connectionIdKey(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  // Our ids have ten bytes, those of most other stacks eight. Avoiding a view makes the lookup cheap.
  if (end - start === 10) return eightBytes(bytes, start) + String.fromCharCode(bytes[start + 8]!, bytes[start + 9]!);
  if (end - start === 8) return eightBytes(bytes, start);
  return fromLatin1(bytes, start, end);
}

const eightBytes = (bytes: Uint8Array, start: number): string =>
  String.fromCharCode(
    bytes[start]!,
    bytes[start + 1]!,
    bytes[start + 2]!,
    bytes[start + 3]!,
    bytes[start + 4]!,
    bytes[start + 5]!,
    bytes[start + 6]!,
    bytes[start + 7]!,
  );

const NOTHING = new Uint8Array(0);

/** `connectionIdKey` for runs of packets with the same id: making a string costs more than comparing the bytes. */
export class ConnectionIdKeys {
  /** The latest id, and room for as long a one as there ever was; RFC 8999 §5.3 allows 255 bytes. */
  #latest: Uint8Array = NOTHING;
  #length = 0;
  #key = "";

  keyOf(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > this.#latest.length) this.#latest = new Uint8Array(length);
    const latest = this.#latest;
    let isSame = length === this.#length;
    for (let i = 0; i < length; i += 1) {
      const byte = bytes[start + i]!;
      if (byte === latest[i]) continue;
      isSame = false;
      latest[i] = byte;
    }
    if (isSame) return this.#key;
    this.#length = length;
    this.#key = connectionIdKey(bytes, start, end);
    return this.#key;
  }
}

/** The bytes of a key. */
export function bytesOfKey(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i += 1) bytes[i] = key.charCodeAt(i);
  return bytes;
}

/** Kept as its key, since a string takes a seventh of the memory of a typed array: each connection has many ids. */
export class ConnectionId {
  /** `connectionIdKey` of the bytes. */
  readonly key: string;
  #bytes: Uint8Array | undefined;

  private constructor(key: string) {
    this.key = key;
  }

  static from(view: Uint8Array): ConnectionId {
    return new ConnectionId(connectionIdKey(view));
  }

  static random(rng: Rng, length: number): ConnectionId {
    const bytes = new Uint8Array(length);
    rng.fill(bytes);
    return ConnectionId.from(bytes);
  }

  /** They never change. */
  get bytes(): Uint8Array {
    return (this.#bytes ??= bytesOfKey(this.key));
  }

  /** Drops the bytes of an id that will hardly be written again. */
  compact(): void {
    this.#bytes = undefined;
  }

  get length(): number {
    return this.key.length;
  }

  /** Writes its bytes, without keeping them. */
  emit(writer: Writer): void {
    const { key } = this;
    for (let i = 0; i < key.length; i += 1) writer.uint8(key.charCodeAt(i));
  }

  /** True if these are its bytes. */
  matches(bytes: Uint8Array): boolean {
    const { key } = this;
    if (bytes.length !== key.length) return false;
    for (let i = 0; i < key.length; i += 1) if (bytes[i] !== key.charCodeAt(i)) return false;
    return true;
  }

  equals(other: ConnectionId): boolean {
    return this.key === other.key;
  }

  /** Hexadecimal, for humans. */
  toString(): string {
    return toHex(this.bytes);
  }
}
