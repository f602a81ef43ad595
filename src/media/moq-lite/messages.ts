/** Messages of moq-lite-05 (draft-lcurley-moq-lite): a length, and fields that their stream gives a meaning. */

import type { Reader } from "../../wire/reader.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import type { VarInt } from "../../wire/varint.ts";
import { ByteWriter } from "../moq/byte-writer.ts";
import { QUIC_INTEGERS, readCode, readNumber } from "../moq/integers.ts";
import { liteError } from "./errors.ts";

/** As ALPN, and as a protocol of a WebTransport session. */
export const LITE_PROTOCOL = "moq-lite-05";

/** The first number of a bidirectional stream. */
export const LITE_STREAMS = { announce: 1, subscribe: 2, fetch: 3, probe: 4, goaway: 5, track: 6 } as const;
/** The first number of a unidirectional stream. */
export const LITE_DATA = { group: 0, setup: 1 } as const;

/** Bytes of a message, without the payload of frames. */
export const MAX_LITE_MESSAGE = 64 * 1024;
/** Parts of a path between slashes. */
const MAX_PARTS = 32;
const MAX_HOPS = 32;
const MAX_PARAMETERS = 64;

/** What a side says of itself at the beginning. */
export interface LiteSetup {
  /** Over QUIC alone: the path and query of the URI. */
  readonly path?: string;
  readonly role?: "publisher" | "subscriber";
  /** What it puts into announcements that it forwards; none by default. */
  readonly origin?: VarInt;
}

/** A subscription. A higher priority goes first. */
export interface LiteSubscribe {
  readonly id: number;
  readonly broadcast: string;
  readonly track: string;
  readonly delivery: LiteDelivery;
}

/** What a subscriber may change. */
export interface LiteDelivery {
  /** 0 to 255, the highest first. */
  readonly priority: number;
  /** True if older groups go first. */
  readonly isOrdered: boolean;
  /** Milliseconds that a group may be older than the newest; 0 for none. */
  readonly maxLatency: number;
  /** The newest by default. */
  readonly startGroup?: number | undefined;
  /** Inclusive; none by default. */
  readonly endGroup?: number | undefined;
}

/** What a publisher says of a track, once. */
export interface LiteTrackInfo {
  readonly priority: number;
  readonly isOrdered: boolean;
  /** Milliseconds that groups are kept. */
  readonly maxLatency: number;
  /** Units of timestamps in a second. */
  readonly timescale: number;
}

/** A broadcast appears, or goes away. */
export interface LiteAnnouncement {
  readonly isActive: boolean;
  /** After the prefix of the request. */
  readonly suffix: string;
  /** Where it came through, from its publisher on. */
  readonly hops: readonly VarInt[];
}

/** The answers to a subscription. */
export type LiteSubscribeAnswer =
  | { readonly type: "start"; readonly group: number }
  /** The last group. */
  | { readonly type: "end"; readonly group: number }
  /** Groups that will not come. */
  | { readonly type: "drop"; readonly start: number; readonly end: number; readonly code: number };

/** Without slashes at its ends, or two in a row. */
export const litePath = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "")
    .join("/");

/** Reads one message, and refuses bytes after it. */
export type LiteField<T> = { read(reader: Reader): T; write(writer: ByteWriter, value: T): void };

const number = (reader: Reader): number => readNumber(QUIC_INTEGERS, reader);

function text(reader: Reader): string {
  return fromUtf8(reader.view(number(reader)));
}

function path(reader: Reader): string {
  const value = litePath(text(reader));
  if (value.split("/").length > MAX_PARTS) throw liteError("path", `more than ${MAX_PARTS} parts`);
  return value;
}

function flag(reader: Reader): boolean {
  const value = reader.uint8();
  if (value > 1) throw liteError("message", `${value} where 0 or 1 has to be`);
  return value === 1;
}

const writeText = (writer: ByteWriter, value: string): void => writer.prefixed(utf8(value));

/** 0 if there is none. */
const optional = (reader: Reader): number | undefined => {
  const value = number(reader);
  return value === 0 ? undefined : value - 1;
};
const writeOptional = (writer: ByteWriter, value: number | undefined): void =>
  writer.integer(value === undefined ? 0 : value + 1);

const delivery: LiteField<LiteDelivery> = {
  read: (reader) => ({
    priority: reader.uint8(),
    isOrdered: flag(reader),
    maxLatency: number(reader),
    startGroup: optional(reader),
    endGroup: optional(reader),
  }),
  write(writer, value) {
    writer.uint8(value.priority);
    writer.uint8(value.isOrdered ? 1 : 0);
    writer.integer(value.maxLatency);
    writeOptional(writer, value.startGroup);
    writeOptional(writer, value.endGroup);
  },
};

const ROLES = [undefined, "publisher", "subscriber"] as const;
const PATH = 2;
const ROLE = 3;
const ORIGIN = 5;

const setup: LiteField<LiteSetup> = {
  read(reader) {
    const count = number(reader);
    if (count > MAX_PARAMETERS) throw liteError("setup", `${count} parameters`);
    const seen = new Set<string>();
    const found: { path?: string; role?: "publisher" | "subscriber"; origin?: VarInt } = {};
    for (let left = count; left > 0; left -= 1) {
      const id = QUIC_INTEGERS.read(reader);
      const key = JSON.stringify(id);
      if (seen.has(key)) throw liteError("setup", `the parameter ${key} twice`);
      seen.add(key);
      const value = reader.sub(number(reader));
      if (id === PATH) found.path = fromUtf8(value.rest());
      else if (id === ROLE) {
        const role = ROLES[number(value)];
        if (role !== undefined) found.role = role;
      } else if (id === ORIGIN) {
        const origin = QUIC_INTEGERS.read(value);
        if (origin !== 0) found.origin = origin;
      }
    }
    return found;
  },
  write(writer, { path: target, role, origin }) {
    const parameters: [id: number, write: (inner: ByteWriter) => void][] = [];
    if (target !== undefined) parameters.push([PATH, (inner) => inner.bytes(utf8(target))]);
    if (role !== undefined) parameters.push([ROLE, (inner) => inner.integer(ROLES.indexOf(role))]);
    if (origin !== undefined) parameters.push([ORIGIN, (inner) => inner.integer(origin)]);
    writer.integer(parameters.length);
    for (const [id, write] of parameters) {
      writer.integer(id);
      writer.measured(write);
    }
  },
};

const announcement: LiteField<LiteAnnouncement> = {
  read(reader) {
    const status = reader.uint8();
    // 2 takes the place of an announcement, as a second one does.
    if (status > 2) throw liteError("announce", `a status of ${status}`);
    const suffix = path(reader);
    const count = number(reader);
    if (count > MAX_HOPS) throw liteError("announce", `${count} hops, at most ${MAX_HOPS} are read`);
    return { isActive: status > 0, suffix, hops: Array.from({ length: count }, () => QUIC_INTEGERS.read(reader)) };
  },
  write(writer, { isActive, suffix, hops }) {
    writer.uint8(isActive ? 1 : 0);
    writeText(writer, litePath(suffix));
    writer.integer(hops.length);
    for (const hop of hops) writer.integer(hop);
  },
};

/** Every message that has a length. */
export const LITE = {
  setup,
  delivery,
  announcement,
  announceRequest: {
    read: (reader: Reader) => ({ prefix: path(reader), exclude: QUIC_INTEGERS.read(reader) }),
    write(writer: ByteWriter, { prefix, exclude }: { prefix: string; exclude: VarInt }) {
      writeText(writer, litePath(prefix));
      writer.integer(exclude);
    },
  },
  announceOk: {
    read(reader: Reader) {
      const origin = QUIC_INTEGERS.read(reader);
      if (origin === 0) throw liteError("announce", "an origin of 0");
      return { origin, active: number(reader) };
    },
    write(writer: ByteWriter, { origin, active }: { origin: VarInt; active: number }) {
      writer.integer(origin);
      writer.integer(active);
    },
  },
  track: {
    read: (reader: Reader) => ({ broadcast: path(reader), track: text(reader) }),
    write(writer: ByteWriter, { broadcast, track }: { broadcast: string; track: string }) {
      writeText(writer, litePath(broadcast));
      writeText(writer, track);
    },
  },
  trackInfo: {
    read(reader: Reader): LiteTrackInfo {
      const info = {
        priority: reader.uint8(),
        isOrdered: flag(reader),
        maxLatency: number(reader),
        timescale: number(reader),
      };
      if (info.timescale === 0) throw liteError("track", "a timescale of 0");
      return info;
    },
    write(writer: ByteWriter, { priority, isOrdered, maxLatency, timescale }: LiteTrackInfo) {
      writer.uint8(priority);
      writer.uint8(isOrdered ? 1 : 0);
      writer.integer(maxLatency);
      writer.integer(timescale);
    },
  },
  subscribe: {
    read: (reader: Reader): LiteSubscribe => ({
      id: number(reader),
      broadcast: path(reader),
      track: text(reader),
      delivery: delivery.read(reader),
    }),
    write(writer: ByteWriter, value: LiteSubscribe) {
      writer.integer(value.id);
      writeText(writer, litePath(value.broadcast));
      writeText(writer, value.track);
      delivery.write(writer, value.delivery);
    },
  },
  goaway: {
    read: (reader: Reader) => ({ uri: text(reader) }),
    write: (writer: ByteWriter, { uri }: { uri: string }) => writeText(writer, uri),
  },
  group: {
    read: (reader: Reader) => ({ subscription: number(reader), sequence: number(reader) }),
    write(writer: ByteWriter, { subscription, sequence }: { subscription: number; sequence: number }) {
      writer.integer(subscription);
      writer.integer(sequence);
    },
  },
} as const;

/** A message in bytes that may be incomplete: then the reader throws a `WireError` that says how much is missing. */
export function readLiteMessage<T>(reader: Reader, field: LiteField<T>, where: string): T {
  const length = number(reader);
  if (length > MAX_LITE_MESSAGE) throw liteError(where, `a message of ${length} bytes`);
  const inner = reader.sub(length);
  try {
    const value = field.read(inner);
    if (!inner.isAtEnd) throw liteError(where, `${inner.remaining} bytes after the end of the message`);
    return value;
  } catch (error) {
    // All of it is there: more bytes would not help.
    if (error instanceof Error && "missing" in error) throw liteError(where, error.message, error);
    throw error;
  }
}

/** A message with its length. */
export function emitLiteMessage<T>(field: LiteField<T>, value: T, type?: number): Uint8Array {
  const writer = new ByteWriter(QUIC_INTEGERS);
  if (type !== undefined) writer.integer(type);
  writer.measured((inner) => field.write(inner, value));
  return writer.finish().slice();
}

const ANSWERS = ["start", "end", "drop"] as const;

const one: LiteField<{ group: number }> = {
  read: (reader) => ({ group: number(reader) }),
  write: (writer, { group }) => writer.integer(group),
};
const drop: LiteField<{ start: number; end: number; code: number }> = {
  read: (reader) => ({ start: number(reader), end: number(reader), code: readCode(QUIC_INTEGERS, reader) }),
  write(writer, { start, end, code }) {
    for (const value of [start, end, code]) writer.integer(value);
  },
};

/** On the stream of a subscription, from its publisher. */
export function readSubscribeAnswer(reader: Reader): LiteSubscribeAnswer {
  const type = ANSWERS[number(reader)];
  if (type === undefined) throw liteError("subscribe", "an answer of an unknown type");
  if (type === "drop") return { type, ...readLiteMessage(reader, drop, "subscribe") };
  return { type, ...readLiteMessage(reader, one, "subscribe") };
}

/** The bytes of an answer. */
export function emitSubscribeAnswer(answer: LiteSubscribeAnswer): Uint8Array {
  const type = ANSWERS.indexOf(answer.type);
  return answer.type === "drop" ? emitLiteMessage(drop, answer, type) : emitLiteMessage(one, answer, type);
}

/** Timestamps are differences, which may be negative: 0, -1, 1, -2 … as 0, 1, 2, 3 … */
export const zigzag = (delta: number): number => (delta >= 0 ? delta * 2 : -delta * 2 - 1);
export const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** A group of one frame in a datagram. */
export interface LiteDatagram {
  readonly subscription: number;
  readonly group: number;
  /** In the track's units. */
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** Bytes of a datagram: more is dropped. */
export const MAX_LITE_DATAGRAM = 1_200;

/** The payload is a view. */
export function readLiteDatagram(reader: Reader): LiteDatagram {
  return { subscription: number(reader), group: number(reader), timestamp: number(reader), payload: reader.rest() };
}

/** The bytes of a datagram; undefined if it is too large for one. */
export function emitLiteDatagram({ subscription, group, timestamp, payload }: LiteDatagram): Uint8Array | undefined {
  const writer = new ByteWriter(QUIC_INTEGERS);
  for (const value of [subscription, group, timestamp]) writer.integer(value);
  writer.bytes(payload);
  return writer.length > MAX_LITE_DATAGRAM ? undefined : writer.finish().slice();
}
