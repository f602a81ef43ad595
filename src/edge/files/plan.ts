/** Plans the response to a GET or HEAD for a file: its head and the parts of its content. Does no I/O. */
import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import type { FieldLine } from "../../http/index.ts";
import { type Conditions, evaluatePreconditions, type Validators } from "./preconditions.ts";
import { type ByteRange, parseRange } from "./ranges.ts";

/** A range of the file, or literal bytes between ranges. */
export type Part = ByteRange | Uint8Array;

export interface FilePlan {
  readonly status: number;
  readonly fields: readonly FieldLine[];
  /** Undefined if no content is sent, whatever its length in the fields (HEAD, 304, 412, 416). */
  readonly parts: readonly Part[] | undefined;
}

export interface Representation {
  readonly stats: Pick<Stats, "size" | "mtimeMs" | "ctimeMs" | "ino">;
  readonly type: string;
  /** Set for a precompressed file. */
  readonly coding: string | undefined;
  /** True if another client may get another coding. */
  readonly negotiated: boolean;
  readonly cacheControl: string;
}

/** Milliseconds. A file modified more recently may change again without a new modification time. */
const SETTLED_AFTER = 2000;

/**
 * Reproducible builds give all files the same time, usually 0, 1 or the earliest time of an archive (1980). It does not
 * change with the content, so it is not a validator (RFC 9110 §8.8.2).
 */
const EARLIEST = Date.UTC(1990, 0, 1);

/**
 * The tag consists of the size, the modification time, and values that no build or copy can set: inode and change time.
 * It is strong (RFC 9110 §8.8.1) only if the file has been unchanged for longer than the granularity of any file
 * system's clock; before that, new content could have the same tag.
 */
function validatorsOf({ stats, coding }: Representation, now: number): Validators {
  const settled = now - Math.max(stats.mtimeMs, stats.ctimeMs) >= SETTLED_AFTER;
  const times = `${micros(stats.mtimeMs).toString(36)}-${mix(micros(stats.ctimeMs), stats.ino).toString(36)}`;
  const tag = `${stats.size.toString(36)}-${times}${coding === undefined ? "" : `-${coding}`}`;
  return {
    etag: settled ? `"${tag}"` : `W/"${tag}"`,
    // RFC 9110 §8.8.2.1: never later than now.
    lastModified: stats.mtimeMs < EARLIEST ? undefined : Math.floor(Math.min(stats.mtimeMs, now) / 1000) * 1000,
    strongDate: settled,
  };
}

const micros = (milliseconds: number): number => Math.round(milliseconds * 1000);

/** Mixes two numbers into one, so that a tag does not reveal inodes. */
function mix(a: number, b: number): number {
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
  const evaluation = evaluatePreconditions(field, validators, now);
  // RFC 9110 §15.4.5: the fields that a 304 repeats.
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
  fields.push(["x-content-type-options", "nosniff"]); // the type follows from the name, not from the content
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

/** RFC 9110 §14.6: several ranges become one multipart/byteranges. */
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
