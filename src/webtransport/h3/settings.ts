/** The settings by which WebTransport over HTTP/3 is agreed on, and the drafts that they stand for. */

import { type ExtensionSetting, extensionValue, type Settings } from "../../h3/index.ts";
import { type FlowLimits, type FlowOptions, OWN_FLOW } from "./session-flow.ts";

/** The token of `:protocol` in drafts 02 to 14, which all browsers send. */
export const WEBTRANSPORT_PROTOCOL = "webtransport";
/** That from draft 15 on. */
export const WEBTRANSPORT_H3_PROTOCOL = "webtransport-h3";

/** True if the token of `:protocol` requests a session. */
export const requestsSession = (protocol: string | undefined): boolean =>
  protocol === WEBTRANSPORT_PROTOCOL || protocol === WEBTRANSPORT_H3_PROTOCOL;

/** Draft 02 to 06: SETTINGS_ENABLE_WEBTRANSPORT. Chromium and Firefox look for it. */
const ENABLE = 0x2b603742;
/** Draft 07 to 12: SETTINGS_WEBTRANSPORT_MAX_SESSIONS. */
const MAX_SESSIONS = 0xc671706a;
/** Draft 13 and 14: SETTINGS_WT_MAX_SESSIONS. Safari looks for it. */
const WT_MAX_SESSIONS = 0x14e9cd29;
/** From draft 15 on: SETTINGS_WT_ENABLED. */
const WT_ENABLED = 0x2c7cf000;
/** From draft 12 on: what a side allows at the begin of each session (§5.5). */
const FLOW: readonly (readonly [keyof FlowLimits, string, number])[] = [
  ["maxData", "SETTINGS_WT_INITIAL_MAX_DATA", 0x2b61],
  ["maxStreamsUni", "SETTINGS_WT_INITIAL_MAX_STREAMS_UNI", 0x2b64],
  ["maxStreamsBidi", "SETTINGS_WT_INITIAL_MAX_STREAMS_BIDI", 0x2b65],
];

/** Drafts that are announced besides 02 and 07. With one of them, flow control is offered. */
export interface NewerDrafts {
  /** 13 and 14. */
  readonly draft13?: boolean | undefined;
  /** 15 and 16. */
  readonly draft15?: boolean | undefined;
}

/** What both sides agreed on for the sessions of their connection. */
export interface SessionTerms {
  /** Undefined for drafts before 13, which have neither flow control nor another token. */
  readonly draft: "draft-13" | "draft-15" | undefined;
  /** Undefined if there is no flow control: the capsules of it have then no meaning. */
  readonly flow: FlowOptions | undefined;
}

/** Until drafts after 12 are offered. */
export const OLD_TERMS: SessionTerms = { draft: undefined, flow: undefined };

const problem: ExtensionSetting["problem"] = (value) => (value === 0 || value === 1 ? undefined : "neither 0 nor 1");

/**
 * What a connection announces, and reads of the peer: `maxSessions` is the number of sessions that it takes at a time. Drafts
 * after 12 are announced on request only.
 */
export function webTransportSettings(maxSessions: number, drafts: NewerDrafts = {}): readonly ExtensionSetting[] {
  const key = `${maxSessions} ${drafts.draft13 === true} ${drafts.draft15 === true}`;
  let settings = settingsByOffer.get(key);
  if (settings === undefined) settingsByOffer.set(key, (settings = settingsOf(maxSessions, drafts)));
  return settings;
}

/** Each connection keeps its list, and a process makes one or two offers. */
const settingsByOffer = new Map<string, readonly ExtensionSetting[]>();

function settingsOf(maxSessions: number, { draft13, draft15 }: NewerDrafts): readonly ExtensionSetting[] {
  const isNew = draft13 === true || draft15 === true;
  return [
    { id: ENABLE, name: "SETTINGS_ENABLE_WEBTRANSPORT", value: 1, problem },
    { id: MAX_SESSIONS, name: "SETTINGS_WEBTRANSPORT_MAX_SESSIONS", value: maxSessions },
    // Draft 13, §5.1: 1 would mean that flow control is not wanted.
    { id: WT_MAX_SESSIONS, name: "SETTINGS_WT_MAX_SESSIONS", value: draft13 ? Math.max(2, maxSessions) : undefined },
    { id: WT_ENABLED, name: "SETTINGS_WT_ENABLED", value: draft15 ? 1 : undefined, problem },
    ...FLOW.map(([limit, name, id]) => ({ id, name, value: isNew ? OWN_FLOW[limit] : undefined })),
  ];
}

/** What our offer and the peer's settings agree on: the newest draft that both have, and flow control if both want it (§5.1). */
export function sessionTerms({ draft13, draft15 }: NewerDrafts, peer: Settings): SessionTerms {
  const maxSessions = extensionValue(peer, WT_MAX_SESSIONS) ?? 0;
  const draft =
    draft15 && extensionValue(peer, WT_ENABLED) === 1
      ? "draft-15"
      : draft13 && maxSessions !== 0
        ? "draft-13"
        : undefined;
  // All drafts need datagrams (RFC 9297).
  if (draft === undefined || !peer.h3Datagram) return OLD_TERMS;
  const limits = Object.fromEntries(FLOW.map(([limit, , id]) => [limit, limitOf(peer, id)])) as unknown as FlowLimits;
  const wantsFlow =
    Object.values(limits).some((limit) => limit > 0) ||
    (draft === "draft-13" && maxSessions !== 0 && maxSessions !== 1);
  // Draft 16 asks for limits that grow.
  const flow = wantsFlow ? { own: OWN_FLOW, peer: limits, mustGrow: draft === "draft-15" } : undefined;
  return { draft, flow };
}

/** The number of sessions that a server with these settings takes at a time on a connection. */
export function allowedSessions({ draft, flow }: SessionTerms, server: Settings): number {
  // Draft 13, §5.1: without flow control, a connection has one session.
  if (draft !== undefined && flow === undefined) return 1;
  // From draft 15 on, a server refuses what is too much.
  if (draft === "draft-15") return Number.POSITIVE_INFINITY;
  const allowed = extensionValue(server, draft === "draft-13" ? WT_MAX_SESSIONS : MAX_SESSIONS);
  // Draft 02 has no limit.
  return typeof allowed === "number" && allowed > 0 ? allowed : Number.POSITIVE_INFINITY;
}

/** Limits above 2^53 are as good as none. */
function limitOf(peer: Settings, id: number): number {
  const value = extensionValue(peer, id) ?? 0;
  return typeof value === "number" ? value : Number.MAX_SAFE_INTEGER;
}

/** True if a server with these settings takes sessions of drafts 02 or 07. */
export function takesSessions(settings: Settings): boolean {
  // All drafts need datagrams (RFC 9297).
  if (!settings.h3Datagram) return false;
  const maxSessions = extensionValue(settings, MAX_SESSIONS) ?? 0;
  return maxSessions !== 0 || extensionValue(settings, ENABLE) === 1;
}

/** Draft 02 says its version in fields too (§3.1 of the draft). */
export const DRAFT_02_REQUEST = ["sec-webtransport-http3-draft02", "1"] as const;
export const DRAFT_02_RESPONSE = ["sec-webtransport-http3-draft", "draft02"] as const;
