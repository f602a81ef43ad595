/** The settings by which WebTransport over HTTP/3 is agreed on, and the drafts that they stand for. */

import { type ExtensionSetting, extensionValue, type Settings } from "../../h3/index.ts";

/** In the order of preference. */
export type WebTransportDraft = "draft-07" | "draft-02";

/** The tokens of `:protocol`: drafts 02 to 14, and from draft 15 on. */
export const WEBTRANSPORT_PROTOCOL = "webtransport";

/** Draft 02 to 06: SETTINGS_ENABLE_WEBTRANSPORT. Chromium and Firefox look for it. */
const ENABLE = 0x2b603742;
/** Draft 07 to 12: SETTINGS_WEBTRANSPORT_MAX_SESSIONS. */
const MAX_SESSIONS = 0xc671706a;

/** What a connection announces: `maxSessions` is the number of sessions that it takes at a time. */
export const webTransportSettings = (maxSessions: number): readonly ExtensionSetting[] => [
  {
    id: ENABLE,
    name: "SETTINGS_ENABLE_WEBTRANSPORT",
    value: 1,
    problem: (value) => (value === 0 || value === 1 ? undefined : "neither 0 nor 1"),
  },
  { id: MAX_SESSIONS, name: "SETTINGS_WEBTRANSPORT_MAX_SESSIONS", value: maxSessions },
];

/** The newest draft that the peer's settings allow; undefined if it takes no sessions. */
export function draftOf(settings: Settings): WebTransportDraft | undefined {
  // Both drafts need datagrams; they were negotiated under another identifier before RFC 9297, which no peer here sends.
  if (!settings.h3Datagram) return undefined;
  const maxSessions = extensionValue(settings, MAX_SESSIONS);
  if (maxSessions !== undefined && maxSessions !== 0) return "draft-07";
  return extensionValue(settings, ENABLE) === 1 ? "draft-02" : undefined;
}

/** Draft 02 says its version in fields too (§3.1 of the draft). */
export const DRAFT_02_REQUEST = ["sec-webtransport-http3-draft02", "1"] as const;
export const DRAFT_02_RESPONSE = ["sec-webtransport-http3-draft", "draft02"] as const;
