/** The frames of HTTP/3 (RFC 9114 §7.2): who may send them on which streams, and their common header. */

import type { Writer } from "../wire/writer.ts";
import { connectionError } from "./errors.ts";

export const FrameType = {
  DATA: 0x00,
  HEADERS: 0x01,
  CANCEL_PUSH: 0x03,
  SETTINGS: 0x04,
  PUSH_PROMISE: 0x05,
  GOAWAY: 0x07,
  ORIGIN: 0x0c,
  MAX_PUSH_ID: 0x0d,
  PRIORITY_UPDATE: 0xf0700,
  PRIORITY_UPDATE_PUSH: 0xf0701,
} as const;

export type Role = "client" | "server";
export type FramePlace = "request" | "control";

interface FrameRow {
  readonly type: number;
  readonly name: string;
  /** The kind of stream; "none" for HTTP/2 types that are forbidden in HTTP/3 (RFC 9114 §7.2.8). */
  readonly place: FramePlace | "none";
  readonly sender: Role | "both";
}

// biome-ignore format: the table of RFC 9114 §7.2, RFC 9218 §7.2 and RFC 9412 §2
export const FRAMES: readonly FrameRow[] = [
  { type: FrameType.DATA,         name: "DATA",          place: "request", sender: "both" },
  { type: FrameType.HEADERS,      name: "HEADERS",       place: "request", sender: "both" },
  { type: 0x02,                   name: "PRIORITY",      place: "none",    sender: "both" },
  { type: FrameType.CANCEL_PUSH,  name: "CANCEL_PUSH",   place: "control", sender: "both" },
  { type: FrameType.SETTINGS,     name: "SETTINGS",      place: "control", sender: "both" },
  { type: FrameType.PUSH_PROMISE, name: "PUSH_PROMISE",  place: "request", sender: "server" },
  { type: 0x06,                   name: "PING",          place: "none",    sender: "both" },
  { type: FrameType.GOAWAY,       name: "GOAWAY",        place: "control", sender: "both" },
  { type: 0x08,                   name: "WINDOW_UPDATE", place: "none",    sender: "both" },
  { type: 0x09,                   name: "CONTINUATION",  place: "none",    sender: "both" },
  { type: FrameType.ORIGIN,       name: "ORIGIN",        place: "control", sender: "both" },
  { type: FrameType.MAX_PUSH_ID,  name: "MAX_PUSH_ID",   place: "control", sender: "client" },
  { type: FrameType.PRIORITY_UPDATE,      name: "PRIORITY_UPDATE", place: "control", sender: "client" },
  { type: FrameType.PRIORITY_UPDATE_PUSH, name: "PRIORITY_UPDATE", place: "control", sender: "client" },
];

const byType: readonly (FrameRow | undefined)[] = (() => {
  const rows: (FrameRow | undefined)[] = [];
  for (const row of FRAMES) if (!isPriorityUpdate(row.type)) rows[row.type] = row;
  return rows;
})();

const priorityUpdateRow = FRAMES.find(({ type }) => type === FrameType.PRIORITY_UPDATE);

/** The frame table's row; an array of a million places would be slow for all types. */
const rowOf = (type: number): FrameRow | undefined => (isPriorityUpdate(type) ? priorityUpdateRow : byType[type]);

/** RFC 9218 §7.2: of a request, or of a push. */
export function isPriorityUpdate(type: number): boolean {
  return type === FrameType.PRIORITY_UPDATE || type === FrameType.PRIORITY_UPDATE_PUSH;
}

/** Throws a connection error for a frame that is not allowed here. Unknown types are allowed (RFC 9114 §9). */
export function checkFrame(type: number, place: FramePlace, sender: Role): void {
  const row = rowOf(type);
  if (row === undefined) return;
  if (row.place !== place || (row.sender !== "both" && row.sender !== sender)) {
    throw connectionError("H3_FRAME_UNEXPECTED", `${place} stream`, `${row.name} frame from a ${sender}`);
  }
}

export const isKnownFrame = (type: number): boolean => rowOf(type) !== undefined;

/** RFC 9114 §7.2.8: identifiers 0x1f × n + 0x21 are meaningless and exercise the peer's handling of unknown ones. */
export const greaseId = (n: number): number => 0x1f * n + 0x21;

export const isGreaseId = (id: number): boolean => id >= 0x21 && (id - 0x21) % 0x1f === 0;

/** Writes a frame with a complete payload. */
export function writeFrame(writer: Writer, type: number, payload: Uint8Array): void {
  writer.varint(type);
  writer.varint(payload.length);
  writer.write(payload);
}
