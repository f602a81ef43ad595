/** What to answer a GET or HEAD for a file, as a head and the parts of its content: no I/O here. */
import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import type { FieldLine } from "../../http/index.ts";
import type { Coding } from "./accept-encoding.ts";
import { type Conditions, evaluatePreconditions, type Validators } from "./preconditions.ts";
import { type ByteRange, parseRange } from "./ranges.ts";

/** A run of the file, or bytes that go between two of them. */
export type Part = ByteRange | Uint8Array;

export interface FilePlan {
  readonly status: number;
  readonly fields: readonly FieldLine[];
  /** Undefined if there is none to send, whatever the fields say of its length (HEAD, 304, 412, 416). */
  readonly parts: readonly Part[] | undefined;
}

export interface Representation {
  readonly stats: Pick<Stats, "size" | "mtimeMs" | "ctimeMs" | "ino">;
  readonly type: string;
  /** Set for a precompressed file. */
  readonly coding: Coding | undefined;
  /** Whether another coding might have been chosen for another client. */
  readonly negotiated: boolean;
  readonly cacheControl: string;
}

/** Younger than this, a file could change once more and keep the same time of change. */
const SETTLED_AFTER = 2000;

/**
 * Reproducible builds give every file the same time, mostly 0, 1 or the first that an archive can name (1980): it does not
 * change with the content, so it is no validator (RFC 9110 §8.8.2).
 */
const EARLIEST = Date.UTC(1990, 0, 1);

/**
 * The tag is size, time of modification, and what no build or copy can set: inode and time of change. It is strong (RFC
 * 9110 §8.8.1) only when the file has been left alone for longer than the clock of any file system is coarse; before, it
 * might outlive its content.
 */
function validatorsOf({ stats, coding }: Representation, now: number): Validators {
  const settled = now - Math.max(stats.mtimeMs, stats.ctimeMs) >= SETTLED_AFTER;
  const times = `${micros(stats.mtimeMs).toString(36)}-${mixed(micros(stats.ctimeMs), stats.ino).toString(36)}`;
  const tag = `${stats.size.toString(36)}-${times}${coding === undefined ? "" : `-${coding}`}`;
  return {
    etag: settled ? `"${tag}"` : `W/"${tag}"`,
    // RFC 9110 §8.8.2.1: never later than now.
    lastModified: stats.mtimeMs < EARLIEST ? undefined : Math.floor(Math.min(stats.mtimeMs, now) / 1000) * 1000,
    strongDate: settled,
  };
}

const micros = (milliseconds: number): number => Math.round(milliseconds * 1000);

/** Two numbers as one, so that a tag does not publish inodes. */
function mixed(a: number, b: number): number {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  for (const word of [a >>> 0, a / 2 ** 32, b >>> 0, b / 2 ** 32]) {
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    high = Math.imul(high ^ word ^ low, 0xc2b2ae35);
    high ^= high >>> 13;
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

export function planFile(method: string, field: Conditions, file: Representation, now: number): FilePlan {
  const validators = validatorsOf(file, now);
  const evaluation = evaluatePreconditions(field, validators);
  // RFC 9110 §15.4.5: what a 304 repeats.
  const fields: FieldLine[] = [
    ["etag", validators.etag],
    ["cache-control", file.cacheControl],
  ];
  if (file.negotiated) fields.push(["vary", "accept-encoding"]);
  if (evaluation.status !== 200) return { status: evaluation.status, fields, parts: undefined };

  const { size } = file.stats;
  const { lastModified } = validators;
  if (lastModified !== undefined) fields.push(["last-modified", new Date(lastModified).toUTCString()]);
  fields.push(["accept-ranges", "bytes"]);
  if (file.coding !== undefined) fields.push(["content-encoding", file.coding]);
  fields.push(["x-content-type-options", "nosniff"]); // the type is what the name says, not what the content looks like
  const range = method === "GET" && evaluation.useRange ? field("range") : undefined; // RFC 9110 §14.2: GET only
  const ranges = range === undefined ? undefined : parseRange(range, size);
  if (ranges === undefined) {
    fields.push(["content-type", file.type], ["content-length", String(size)]);
    return { status: 200, fields, parts: method === "HEAD" ? undefined : [{ start: 0, end: size - 1 }] };
  }
  const [first, ...others] = ranges;
  if (first === undefined) {
    return {
      status: 416,
      fields: [
        ["content-range", `bytes */${size}`],
        ["content-length", "0"],
      ],
      parts: undefined,
    };
  }
  if (others.length > 0) return multipart(fields, ranges, file.type, size);
  fields.push(["content-type", file.type], ["content-range", contentRange(first, size)]);
  fields.push(["content-length", String(first.end - first.start + 1)]);
  return { status: 206, fields, parts: [first] };
}

const contentRange = ({ start, end }: ByteRange, size: number): string => `bytes ${start}-${end}/${size}`;

/** RFC 9110 §14.6: several ranges are parts of one multipart/byteranges. */
function multipart(fields: FieldLine[], ranges: readonly ByteRange[], type: string, size: number): FilePlan {
  const boundary = randomUUID();
  const encoder = new TextEncoder();
  const parts: Part[] = [];
  let length = 0;
  for (const range of ranges) {
    const head = encoder.encode(
      `\r\n--${boundary}\r\ncontent-type: ${type}\r\ncontent-range: ${contentRange(range, size)}\r\n\r\n`,
    );
    parts.push(head, range);
    length += head.byteLength + range.end - range.start + 1;
  }
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
  parts.push(tail);
  fields.push(["content-type", `multipart/byteranges; boundary=${boundary}`]);
  fields.push(["content-length", String(length + tail.byteLength)]);
  return { status: 206, fields, parts };
}
