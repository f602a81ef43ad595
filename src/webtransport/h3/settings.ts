/** The settings by which WebTransport over HTTP/3 is agreed on, and the drafts that they stand for. */

import { type ExtensionSetting, extensionValue, type Settings } from "../../h3/index.ts";

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
/** From draft 15 on: SETTINGS_WT_ENABLED. */
const WT_ENABLED = 0x2c7cf000;

const problem: ExtensionSetting["problem"] = (value) => (value === 0 || value === 1 ? undefined : "neither 0 nor 1");

/**
 * What a connection announces: `maxSessions` is the number of sessions that it takes at a time. Draft 15 is announced on
 * request only: Safari's streams may stall with servers that announce a draft later than 12 without its flow control.
 */
export const webTransportSettings = (
  maxSessions: number,
  { draft15 = false }: { readonly draft15?: boolean | undefined } = {},
): readonly ExtensionSetting[] => [
  { id: ENABLE, name: "SETTINGS_ENABLE_WEBTRANSPORT", value: 1, problem },
  { id: MAX_SESSIONS, name: "SETTINGS_WEBTRANSPORT_MAX_SESSIONS", value: maxSessions },
  ...(draft15 ? [{ id: WT_ENABLED, name: "SETTINGS_WT_ENABLED", value: 1, problem }] : []),
];

/** True if a server with these settings takes sessions of a draft that we speak. */
export function takesSessions(settings: Settings): boolean {
  // Drafts 02 and 07 need datagrams (RFC 9297).
  if (!settings.h3Datagram) return false;
  const maxSessions = extensionValue(settings, MAX_SESSIONS) ?? 0;
  return maxSessions !== 0 || extensionValue(settings, ENABLE) === 1;
}

/** Draft 02 says its version in fields too (§3.1 of the draft). */
export const DRAFT_02_REQUEST = ["sec-webtransport-http3-draft02", "1"] as const;
export const DRAFT_02_RESPONSE = ["sec-webtransport-http3-draft", "draft02"] as const;
