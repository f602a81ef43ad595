/**
 * Messages of the MoQ base draft (draft-lcurley-warp-02), which names their fields and leaves their bytes open. The layout is ours,
 * with the framing of -03: a type, a length, and a payload; a length of 0 means to the end of the stream.
 */

import { Reader } from "../../wire/reader.ts";
import { fromStrictUtf8, utf8 } from "../../wire/text.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { BaseDraftError, readOrFail } from "./errors.ts";

/** Message types of §4. */
export const BASE_MESSAGES = { headers: 0x0, segment: 0x1, app: 0x2, goaway: 0x10 } as const;

/** Bytes of a HEADERS payload. */
export const MAX_HEADERS = 4_096;
/** Streams that one may depend on. */
export const MAX_DEPENDS = 64;
/** Bytes of a URL in GOAWAY. */
export const MAX_GOAWAY_URL = 8_192;

const ID = 0x0;
const ORDER = 0x1;
const DEPENDS = 0x2;

/** What a stream says of itself, at its beginning. */
export interface StreamHeaders {
  /** Unique in the session. */
  readonly id?: number;
  /** Smaller is sent sooner; 0 by default, and may be negative. */
  readonly order?: number;
  /** Streams that a decoder needs before this one. */
  readonly depends?: readonly number[];
  /** Fields that are not known, for whom they pass by. */
  readonly others?: readonly { readonly key: VarInt; readonly value: Uint8Array }[];
}

/** A signed number as an unsigned one: 0, -1, 1, -2 become 0, 1, 2, 3. */
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** Beyond this, twice a number is not exact. */
const MAX_ORDER = 2 ** 52 - 1;

/** The payload of HEADERS. Throws a `RangeError` for what it cannot say. */
export function emitStreamHeaders({ id, order, depends, others = [] }: StreamHeaders): Uint8Array {
  if (order !== undefined && (!Number.isInteger(order) || Math.abs(order) > MAX_ORDER)) {
    throw new RangeError(`an order of ${order} is not a whole number below 2^52`);
  }
  if (depends !== undefined && depends.length > MAX_DEPENDS)
    throw new RangeError(`more than ${MAX_DEPENDS} streams to depend on`);
  const fields: { key: VarInt; values: readonly number[] | Uint8Array }[] = [];
  if (id !== undefined) fields.push({ key: ID, values: [id] });
  if (order !== undefined) fields.push({ key: ORDER, values: [zigzag(order)] });
  if (depends !== undefined) fields.push({ key: DEPENDS, values: [depends.length, ...depends] });
  for (const { key, value } of others) fields.push({ key, values: value });
  const writer = new Writer(new Uint8Array(MAX_HEADERS));
  writer.varint(fields.length);
  for (const { key, values } of fields) {
    writer.varint(key);
    if (values instanceof Uint8Array) {
      writer.varint(values.length);
      writer.write(values);
    } else {
      writer.varint(values.reduce((sum, value) => sum + varintLength(value), 0));
      for (const value of values) writer.varint(value);
    }
  }
  return writer.written();
}

/** Throws a `BaseDraftError`. */
export function parseStreamHeaders(payload: Uint8Array): StreamHeaders {
  return readOrFail("HEADERS", () => {
    const reader = new Reader(payload);
    const headers: { -readonly [Key in keyof StreamHeaders]: StreamHeaders[Key] } = {};
    const others: { key: VarInt; value: Uint8Array }[] = [];
    for (let left = reader.varint(); left > 0; left -= 1) {
      const key = reader.varintExact();
      const field = reader.sub(reader.varint());
      if (key === ID) headers.id = once("id", headers.id, exact(field));
      else if (key === ORDER) headers.order = once("order", headers.order, unzigzag(exact(field)));
      else if (key === DEPENDS) headers.depends = once("depends", headers.depends, readDepends(field));
      else others.push({ key, value: field.copy(field.remaining) });
      if (!field.isAtEnd) throw new BaseDraftError("HEADERS", "a field that is longer than its value");
    }
    if (!reader.isAtEnd) throw new BaseDraftError("HEADERS", "bytes after the last field");
    return others.length > 0 ? { ...headers, others } : headers;
  });
}

function once<T>(name: string, before: T | undefined, value: T): T {
  if (before !== undefined) throw new BaseDraftError("HEADERS", `${name} twice`);
  return value;
}

function exact(reader: Reader): number {
  const value = reader.varintExact();
  if (typeof value === "number") return value;
  throw new BaseDraftError("HEADERS", "a number above 2^53-1");
}

function readDepends(reader: Reader): number[] {
  const count = reader.varint();
  if (count > MAX_DEPENDS) throw new BaseDraftError("HEADERS", `depends on ${count} streams, at most ${MAX_DEPENDS}`);
  return Array.from({ length: count }, () => exact(reader));
}

/** A whole message. A payload must not be empty: a length of 0 means something else. */
export function emitBaseMessage(type: number, payload: Uint8Array): Uint8Array {
  if (payload.length === 0) throw new RangeError("a message without a payload");
  const writer = new Writer(new Uint8Array(16 + payload.length));
  writer.varint(type);
  writer.varint(payload.length);
  writer.write(payload);
  return writer.written();
}

/** What begins a message that extends to the end of its stream: a live segment, whose length is not known. */
export function emitOpenMessage(type: number): Uint8Array {
  const writer = new Writer(new Uint8Array(9));
  writer.varint(type);
  writer.varint(0);
  return writer.written();
}

/** The payload of GOAWAY. */
export function emitGoawayUrl(url: string): Uint8Array {
  const bytes = utf8(url);
  if (bytes.length === 0 || bytes.length > MAX_GOAWAY_URL) throw new RangeError(`a URL of ${bytes.length} bytes`);
  return bytes;
}

/** Undefined for an empty, malformed or insecure URL: the client goes back to where it is. */
export function parseGoawayUrl(payload: Uint8Array): string | undefined {
  const url = payload.length > MAX_GOAWAY_URL ? undefined : fromStrictUtf8(payload);
  return url?.startsWith("https://") === true && url.length > "https://".length ? url : undefined;
}
