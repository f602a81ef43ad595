/**
 * SETTINGS (RFC 9114 §7.2.4, RFC 9204 §5): sent once by each side as the first frame on its control stream. One table
 * defines the types, the parser, the emitter and the README's list. An extension adds its own rows to a connection.
 */

import { WireError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import { formatVarInt, sameVarInt, type VarInt } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { connectionError } from "./errors.ts";

/** A limit takes any value; a flag is 0 or 1. */
interface LimitRow {
  readonly id: number;
  readonly name: string;
  readonly source: string;
  readonly kind: "limit";
  readonly default: number;
}

interface FlagRow extends Omit<LimitRow, "kind" | "default"> {
  readonly kind: "flag";
  readonly default: false;
}

// biome-ignore format: the supported part of the registry of RFC 9114 §11.2.2
export const SETTINGS = {
  qpackMaxTableCapacity: { id: 0x01, name: "SETTINGS_QPACK_MAX_TABLE_CAPACITY", source: "RFC 9204 §5",       kind: "limit", default: 0 },
  maxFieldSectionSize:   { id: 0x06, name: "SETTINGS_MAX_FIELD_SECTION_SIZE",   source: "RFC 9114 §7.2.4.1", kind: "limit", default: Number.POSITIVE_INFINITY },
  qpackBlockedStreams:   { id: 0x07, name: "SETTINGS_QPACK_BLOCKED_STREAMS",    source: "RFC 9204 §5",       kind: "limit", default: 0 },
  enableConnectProtocol: { id: 0x08, name: "SETTINGS_ENABLE_CONNECT_PROTOCOL",  source: "RFC 9220 §3",       kind: "flag",  default: false },
  h3Datagram:            { id: 0x33, name: "SETTINGS_H3_DATAGRAM",              source: "RFC 9297 §2.1.1",   kind: "flag",  default: false },
} as const satisfies Record<string, LimitRow | FlagRow>;

type KnownName = keyof typeof SETTINGS;
type ValueOf<K extends KnownName> = (typeof SETTINGS)[K]["kind"] extends "flag" ? boolean : number;

/** The settings of HTTP/3 itself. */
export type KnownSettings = { readonly [K in KnownName]: ValueOf<K> };

/** A setting registered by the user of the connection: sent if it has a value, and read from the peer. */
export interface ExtensionSetting {
  readonly id: VarInt;
  readonly name: string;
  /** The value to send. */
  readonly value?: VarInt | undefined;
  /** Returns what is wrong with the peer's value, if anything; the connection then closes with H3_SETTINGS_ERROR. */
  readonly problem?: ((value: VarInt) => string | undefined) | undefined;
}

export interface Settings extends KnownSettings {
  /** The peer's values of registered settings, in the order received. */
  readonly extensions: readonly { readonly id: VarInt; readonly value: VarInt }[];
}

const KNOWN = Object.entries(SETTINGS) as [KnownName, LimitRow | FlagRow][];

/** The settings until the peer's SETTINGS arrive. */
export const DEFAULT_SETTINGS: Settings = {
  ...(Object.fromEntries(KNOWN.map(([key, row]) => [key, row.default])) as KnownSettings),
  extensions: [],
};

/** The value of a registered setting; undefined if the peer did not send it. */
export const extensionValue = (settings: Settings, id: VarInt): VarInt | undefined =>
  settings.extensions.find((each) => sameVarInt(each.id, id))?.value;

/** RFC 9114 §7.2.4.1: ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE and MAX_FRAME_SIZE of HTTP/2. */
const isHttp2Setting = (id: VarInt): boolean => typeof id === "number" && id >= 0x02 && id <= 0x05;

/** More than any list of settings needs; larger ones are an attack on memory. */
export const MAX_SETTINGS_LENGTH = 4096;

const settingsError = (detail: string) => connectionError("H3_SETTINGS_ERROR", "SETTINGS", detail);

/** Parses the peer's settings. Ignores identifiers that are neither known nor registered (RFC 9114 §7.2.4.1). */
export function parseSettings(payload: Uint8Array, registered: readonly ExtensionSetting[] = []): Settings {
  const reader = new Reader(payload);
  const values: Record<string, number | boolean> = {};
  let { extensions } = DEFAULT_SETTINGS;
  const seen = new Set<string>();
  try {
    while (!reader.isAtEnd) {
      const id = reader.varintExact();
      const value = reader.varintExact();
      const name = formatVarInt(id);
      if (isHttp2Setting(id)) throw settingsError(`setting ${name} of HTTP/2`);
      if (seen.has(name)) throw settingsError(`setting ${name} twice`);
      seen.add(name);
      const known = KNOWN.find(([, row]) => row.id === id);
      if (known !== undefined) values[known[0]] = knownValue(known[1], value);
      const extension = registered.find((each) => sameVarInt(each.id, id));
      if (extension === undefined) continue;
      const problem = extension.problem?.(value);
      if (problem !== undefined) throw settingsError(`${extension.name}: ${problem}`);
      // Not `push`, which makes room for sixteen more.
      extensions = extensions.concat({ id, value });
    }
  } catch (error) {
    if (error instanceof WireError) throw connectionError("H3_FRAME_ERROR", "SETTINGS", error.message);
    throw error;
  }
  return { ...DEFAULT_SETTINGS, ...values, extensions };
}

function knownValue(row: LimitRow | FlagRow, value: VarInt): number | boolean {
  // Above 2^53, the nearest double still compares correctly with all our limits.
  if (row.kind === "limit") return typeof value === "number" ? value : value.high * 0x1_0000_0000 + value.low;
  // RFC 9220 §3, RFC 8441 §3, RFC 9297 §2.1.1
  if (value !== 0 && value !== 1) throw settingsError(`${row.name} is ${formatVarInt(value)}, neither 0 nor 1`);
  return value === 1;
}

/**
 * RFC 9114 §7.2.4.2: a server that accepted 0-RTT must not reduce a limit, or withdraw an extension, that a client may have
 * relied on.
 */
export function checkKept(remembered: Settings, settings: Settings): void {
  for (const [key, row] of KNOWN) {
    if (Number(settings[key]) < Number(remembered[key])) throw settingsError(`${row.name} is less than in 0-RTT`);
  }
  for (const { id, value } of remembered.extensions) {
    const now = extensionValue(settings, id);
    if (now === undefined || !sameVarInt(now, value)) throw settingsError(`${formatVarInt(id)} differs from 0-RTT`);
  }
}

/** The payload of our SETTINGS: non-default values, extensions, and a reserved setting with a random value. */
export function emitSettings(
  settings: KnownSettings,
  registered: readonly ExtensionSetting[],
  grease: { readonly id: number; readonly value: number },
): Uint8Array {
  const writer = new Writer(new Uint8Array(16 * (KNOWN.length + registered.length + 1)));
  for (const [key, row] of KNOWN) {
    const value = settings[key];
    if (value === row.default) continue;
    writer.varint(row.id);
    writer.varint(Number(value));
  }
  for (const { id, value } of registered) {
    if (value === undefined) continue;
    writer.varint(id);
    writer.varint(value);
  }
  writer.varint(grease.id);
  writer.varint(grease.value);
  return writer.written();
}

/** Throws if a registered setting is in the table, belongs to HTTP/2, or is registered twice. */
export function checkRegistered(registered: readonly ExtensionSetting[]): void {
  registered.forEach(({ id, name }, index) => {
    const isTaken =
      isHttp2Setting(id) ||
      KNOWN.some(([, row]) => row.id === id) ||
      registered.findIndex((other) => sameVarInt(other.id, id)) < index;
    if (isTaken)
      throw new RangeError(`setting ${name} (${formatVarInt(id)}) cannot be registered: its identifier is taken`);
  });
}
