/** The `warp` box of draft-lcurley-warp-00 and -01: one JSON object, each key a message. */

import { fromStrictUtf8, utf8 } from "../../wire/text.ts";
import { emitBox } from "../bmff/index.ts";
import { WarpError } from "./errors.ts";

/** An initialization segment fills the rest of the stream. */
export interface WarpInit {
  readonly id: number;
}

/** A media segment follows. */
export interface WarpSegment {
  /** The init that it needs. */
  readonly init: number;
  /** The presentation time of its first frame, in units of `timescale`; it takes precedence over the container's. */
  readonly timestamp: number;
  /** Units in a second; 1000 by default, and always in -00. */
  readonly timescale?: number;
}

/** What one `warp` box says. */
export interface WarpMessage {
  readonly init?: WarpInit;
  readonly segment?: WarpSegment;
  /** Higher is sent sooner; may be negative. */
  readonly priority?: { readonly precedence: number };
  /** Keys that begin with "x-", for applications. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The body of a `warp` box. Ignores unknown keys. Throws a `WarpError`. */
export function parseWarpMessage(body: Uint8Array): WarpMessage {
  const text = fromStrictUtf8(body);
  if (text === undefined) throw new WarpError("not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WarpError(`not JSON: ${(error as Error).message}`, { cause: error });
  }
  const message = objectOf(value, "the message");
  // The heading of -00 says media; its examples, -01 and the demo say segment.
  const segment = message.segment ?? message.media;
  const extensions = Object.entries(message).filter(([key]) => key.startsWith("x-"));
  return {
    ...(message.init === undefined ? {} : { init: { id: integerOf(objectOf(message.init, "init"), "id") } }),
    ...(segment === undefined ? {} : { segment: segmentOf(objectOf(segment, "segment")) }),
    ...(message.priority === undefined
      ? {}
      : { priority: { precedence: integerOf(objectOf(message.priority, "priority"), "precedence") } }),
    ...(extensions.length > 0 ? { extensions: Object.fromEntries(extensions) } : {}),
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WarpError(`${what} is no object`);
  return value as JsonObject;
}

function integerOf(object: JsonObject, name: string): number {
  const value = object[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw new WarpError(`${name} is no whole number below 2^53`);
  return value;
}

function segmentOf(object: JsonObject): WarpSegment {
  const segment = { init: integerOf(object, "init"), timestamp: integerOf(object, "timestamp") };
  if (object.timescale === undefined) return segment;
  const timescale = integerOf(object, "timescale");
  if (timescale <= 0) throw new WarpError(`a timescale of ${timescale}`);
  return { ...segment, timescale };
}

/** A `warp` box. */
export function emitWarpMessage({ init, segment, priority, extensions = {} }: WarpMessage): Uint8Array {
  for (const key of Object.keys(extensions))
    if (!key.startsWith("x-")) throw new RangeError(`${key} does not begin with x-`);
  // JSON leaves out what is undefined.
  return emitBox("warp", utf8(JSON.stringify({ init, segment, priority, ...extensions })));
}

/** For live media, newest first, with audio ahead of video by up to three seconds (§4.2). */
export const livePrecedence = (milliseconds: number, isAudio: boolean): number => milliseconds + (isAudio ? 3_000 : 0);

/** For what is watched from the beginning, oldest first. */
export const storedPrecedence = (milliseconds: number): number => 0 - milliseconds;
