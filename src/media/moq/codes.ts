/**
 * Error codes mean the same in all drafts, whatever number they have: the model has those of draft 18 and later, and here is what
 * drafts 14 and 16 wrote instead.
 */

import type { ErrorTable } from "../../base/errors.ts";
import { PUBLISH_DONE_CODES, REQUEST_ERRORS, STREAM_ERRORS } from "./errors.ts";
import type { Dialect } from "./fields.ts";
import type { RequestKind } from "./messages.ts";

/** Between a code of the model and its number on the wire. */
export interface CodeSpace {
  toWire(code: number): number;
  fromWire(wire: number): number;
}

const AS_THEY_ARE: CodeSpace = { toWire: (code) => code, fromWire: (wire) => wire };

/**
 * A draft's numbers by name. A known code that the draft lacks becomes `fallback`; what nobody knows passes as it is, unless its
 * number means something in the model.
 */
function codeSpace<Name extends string>(
  model: ErrorTable<Name>,
  numbers: Readonly<Partial<Record<Name, number>>>,
  fallback: Name,
  aliases: Readonly<Record<number, Name>> = {},
): CodeSpace {
  const toWire = new Map<number, number>();
  const fromWire = new Map<number, number>();
  for (const name of Object.keys(model) as Name[]) {
    const wire = numbers[name];
    toWire.set(model[name].code, wire ?? numbers[fallback]!);
    if (wire !== undefined) fromWire.set(wire, model[name].code);
  }
  for (const [wire, name] of Object.entries(aliases)) fromWire.set(Number(wire), model[name].code);
  return {
    toWire: (code) => toWire.get(code) ?? (fromWire.has(code) ? numbers[fallback]! : code),
    fromWire: (wire) => fromWire.get(wire) ?? (toWire.has(wire) ? model[fallback].code : wire),
  };
}

const request = (
  numbers: Readonly<Partial<Record<keyof typeof REQUEST_ERRORS, number>>>,
  aliases?: Readonly<Record<number, keyof typeof REQUEST_ERRORS>>,
): CodeSpace => codeSpace(REQUEST_ERRORS, numbers, "INTERNAL_ERROR", aliases);

const COMMON = { INTERNAL_ERROR: 0x0, UNAUTHORIZED: 0x1, TIMEOUT: 0x2, NOT_SUPPORTED: 0x3 } as const;
const TOKENS = { MALFORMED_AUTH_TOKEN: 0x10, EXPIRED_AUTH_TOKEN: 0x12 } as const;
const TRACK = { ...COMMON, ...TOKENS, DOES_NOT_EXIST: 0x4, INVALID_RANGE: 0x5 } as const;

/** Draft 14 counts anew for each kind of request. */
const REQUESTS_14: Readonly<Record<RequestKind, CodeSpace>> = {
  subscribe: request(TRACK),
  "track-status": request(TRACK),
  publish: request({ ...COMMON, UNINTERESTED: 0x4 }),
  // 6 is NO_OBJECTS, and 8 UNKNOWN_STATUS_IN_RANGE.
  fetch: request(
    { ...TRACK, INVALID_JOINING_REQUEST_ID: 0x7, MALFORMED_TRACK: 0x9 },
    { 6: "INVALID_RANGE", 8: "INVALID_RANGE" },
  ),
  "publish-namespace": request({ ...COMMON, ...TOKENS, UNINTERESTED: 0x4 }),
  "subscribe-namespace": request({ ...COMMON, ...TOKENS, DOES_NOT_EXIST: 0x4, PREFIX_OVERLAP: 0x5 }),
};

const REQUESTS_16 = request({
  ...COMMON,
  MALFORMED_AUTH_TOKEN: 0x4,
  EXPIRED_AUTH_TOKEN: 0x5,
  DOES_NOT_EXIST: 0x10,
  INVALID_RANGE: 0x11,
  MALFORMED_TRACK: 0x12,
  DUPLICATE_SUBSCRIPTION: 0x19,
  UNINTERESTED: 0x20,
  PREFIX_OVERLAP: 0x30,
  INVALID_JOINING_REQUEST_ID: 0x32,
});

/** REQUEST_ERROR, and what stood for it. */
export function requestCodes(dialect: Dialect, kind: RequestKind | undefined): CodeSpace {
  if (dialect.has("hasSeparateAnswers")) return REQUESTS_14[kind ?? "subscribe"];
  return dialect.has("hasSharedControlStream") ? REQUESTS_16 : AS_THEY_ARE;
}

const DONE_16 = {
  INTERNAL_ERROR: 0x0,
  UNAUTHORIZED: 0x1,
  TRACK_ENDED: 0x2,
  SUBSCRIPTION_ENDED: 0x3,
  GOING_AWAY: 0x4,
  // Draft 18 exchanged the two.
  EXPIRED: 0x5,
  TOO_FAR_BEHIND: 0x6,
  UPDATE_FAILED: 0x8,
  MALFORMED_TRACK: 0x12,
} as const;
const { UPDATE_FAILED: _, ...DONE_14 } = { ...DONE_16, MALFORMED_TRACK: 0x7 };

const DONE: Readonly<Record<14 | 16, CodeSpace>> = {
  14: codeSpace(PUBLISH_DONE_CODES, DONE_14, "INTERNAL_ERROR"),
  16: codeSpace(PUBLISH_DONE_CODES, DONE_16, "INTERNAL_ERROR"),
};

/** PUBLISH_DONE. */
export const doneCodes = ({ draft }: Dialect): CodeSpace => (draft === 14 || draft === 16 ? DONE[draft] : AS_THEY_ARE);

const STREAMS_14 = { INTERNAL_ERROR: 0x0, CANCELLED: 0x1, DELIVERY_TIMEOUT: 0x2, SESSION_CLOSED: 0x3 } as const;
const STREAMS_16 = { ...STREAMS_14, UNKNOWN_OBJECT_STATUS: 0x4, MALFORMED_TRACK: 0x12 } as const;

const STREAMS: Readonly<Record<14 | 16, CodeSpace>> = {
  14: codeSpace(STREAM_ERRORS, STREAMS_14, "CANCELLED"),
  16: codeSpace(STREAM_ERRORS, STREAMS_16, "CANCELLED"),
};

/** Resets of streams. */
export const streamCodes = ({ draft }: Dialect): CodeSpace =>
  draft === 14 || draft === 16 ? STREAMS[draft] : AS_THEY_ARE;
