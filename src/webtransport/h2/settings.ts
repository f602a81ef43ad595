/** What both sides of an HTTP/2 connection allow each other's sessions: settings, and a field (draft-ietf-webtrans-http2 §4.3). */

import { isInnerList, parseDictionary } from "structured-headers";
import type { MuxLimits } from "../mux/limits.ts";

/** SETTINGS_WT_ENABLED: the server takes sessions. */
export const WT_ENABLED = 0x2b60;

const IDS: readonly (readonly [keyof MuxLimits, number])[] = [
  ["maxData", 0x2b61],
  ["maxStreamDataUni", 0x2b62],
  ["maxStreamDataBidiLocal", 0x2b63],
  ["maxStreamsUni", 0x2b64],
  ["maxStreamsBidi", 0x2b65],
  ["maxStreamDataBidiRemote", 0x2b66],
];

/** Values of settings by their ids. */
export type SettingValues = Readonly<Record<number, number>>;

/** The settings that node:http2 must be told to read. */
export const SESSION_SETTINGS: readonly number[] = [WT_ENABLED, ...IDS.map(([, id]) => id)];

/** The initial limits of all sessions of a connection. */
export const limitSettings = (limits: MuxLimits): SettingValues =>
  Object.fromEntries(IDS.map(([name, id]) => [id, limits[name]]));

/** True if a server with these settings takes sessions. Those of `@fails-components/webtransport` only announce limits. */
export const takesSessions = (settings: SettingValues): boolean =>
  settings[WT_ENABLED] === 1 || IDS.some(([, id]) => (settings[id] ?? 0) > 0);

/** §4.3.2: WebTransport-Init, whose limits belong to one session. */
export type InitLimits = Partial<
  Pick<MuxLimits, "maxStreamDataUni" | "maxStreamDataBidiLocal" | "maxStreamDataBidiRemote">
>;

const KEYS = [
  ["u", "maxStreamDataUni"],
  ["bl", "maxStreamDataBidiLocal"],
  ["br", "maxStreamDataBidiRemote"],
] as const;

export const formatInit = (limits: MuxLimits): string => KEYS.map(([key, name]) => `${key}=${limits[name]}`).join(", ");

/** Undefined if the field is malformed: the request is then refused (§4.3.2). */
export function parseInit(value: string): InitLimits | undefined {
  const limits: InitLimits = {};
  try {
    const members = parseDictionary(value);
    for (const [key, name] of KEYS) {
      const member = members.get(key);
      if (member === undefined) continue;
      if (isInnerList(member)) return undefined;
      const [limit] = member;
      if (!Number.isInteger(limit) || (limit as number) < 0) return undefined;
      Object.assign(limits, { [name]: limit });
    }
  } catch {
    return undefined;
  }
  return limits;
}

/** What a peer allows at the begin of a session: the greater one of its settings and its field counts (§4.3). */
export function initialLimits(settings: SettingValues, init: InitLimits = {}): MuxLimits {
  const limits = Object.fromEntries(
    IDS.map(([name, id]) => [name, Math.max(settings[id] ?? 0, init[name as keyof InitLimits] ?? 0)]),
  ) as unknown as MuxLimits;
  // Drafts before the two directions were told apart have one setting for both.
  const isOld = settings[0x2b66] === undefined && init.maxStreamDataBidiRemote === undefined;
  return isOld ? { ...limits, maxStreamDataBidiRemote: limits.maxStreamDataBidiLocal } : limits;
}
