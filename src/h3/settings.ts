/** SETTINGS (RFC 9114 §7.2.4, RFC 9204 §5): what each side tells the other once, first on its control stream. */

import { WireError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import { formatVarInt, type VarInt } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { connectionError } from "./errors.ts";

export interface Settings {
  readonly qpackMaxTableCapacity: number;
  readonly maxFieldSectionSize: number;
  readonly qpackBlockedStreams: number;
}

/** What holds until SETTINGS arrive. */
export const DEFAULT_SETTINGS: Settings = {
  qpackMaxTableCapacity: 0,
  maxFieldSectionSize: Number.POSITIVE_INFINITY,
  qpackBlockedStreams: 0,
};

// biome-ignore format: the registry of RFC 9114 §11.2.2
const SETTINGS: readonly { readonly id: number; readonly key: keyof Settings }[] = [
  { id: 0x01, key: "qpackMaxTableCapacity" },
  { id: 0x06, key: "maxFieldSectionSize" },
  { id: 0x07, key: "qpackBlockedStreams" },
];

/** RFC 9114 §7.2.4.1: ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE and MAX_FRAME_SIZE of HTTP/2. */
const isHttp2Setting = (id: VarInt): boolean => typeof id === "number" && id >= 0x02 && id <= 0x05;

/** More than any list of settings needs; larger ones are sent to fill memory. */
export const MAX_SETTINGS_LENGTH = 4096;

export function parseSettings(payload: Uint8Array): Settings {
  const reader = new Reader(payload);
  const values: { -readonly [K in keyof Settings]: Settings[K] } = { ...DEFAULT_SETTINGS };
  const seen = new Set<string>();
  try {
    while (!reader.isAtEnd) {
      const id = reader.varintExact();
      const value = reader.varint();
      const name = formatVarInt(id);
      if (isHttp2Setting(id)) throw connectionError("H3_SETTINGS_ERROR", "SETTINGS", `setting ${name} of HTTP/2`);
      if (seen.has(name)) throw connectionError("H3_SETTINGS_ERROR", "SETTINGS", `setting ${name} twice`);
      seen.add(name);
      const row = SETTINGS.find((known) => known.id === id);
      if (row !== undefined) values[row.key] = value;
    }
  } catch (error) {
    if (error instanceof WireError) throw connectionError("H3_FRAME_ERROR", "SETTINGS", error.message);
    throw error;
  }
  return values;
}

/** The payload of our SETTINGS: what differs from the default, and a reserved one with a random value. */
export function emitSettings(settings: Settings, grease: { readonly id: number; readonly value: number }): Uint8Array {
  const writer = new Writer(new Uint8Array(16 * (SETTINGS.length + 1)));
  for (const { id, key } of SETTINGS) {
    if (settings[key] === DEFAULT_SETTINGS[key]) continue;
    writer.varint(id);
    writer.varint(settings[key]);
  }
  writer.varint(grease.id);
  writer.varint(grease.value);
  return writer.written();
}
