/**
 * How both sides agree on QMux in the handshake of a WebSocket: a subprotocol (RFC 6455 §1.9) names the draft, and after a dot
 * the protocol of the application, as in "qmux-02.chat". The name of a draft alone means no protocol.
 */

import { isToken } from "../../http/field-rules.ts";

/** The drafts of QMux, the newest first. */
export const QMUX_VERSIONS = ["qmux-02", "qmux-01", "qmux-00"] as const;
export type QmuxVersion = (typeof QMUX_VERSIONS)[number];

/** A subprotocol that both sides know. `protocol` is "" if it names only the draft. */
export interface QmuxSubprotocol {
  readonly version: QmuxVersion;
  readonly protocol: string;
}

/** Undefined if the subprotocol is not one of QMux. */
export function parseSubprotocol(name: string): QmuxSubprotocol | undefined {
  const version = QMUX_VERSIONS.find((each) => name === each || name.startsWith(`${each}.`));
  return version && { version, protocol: name.slice(version.length + 1) };
}

/** The subprotocols in a `sec-websocket-protocol` field that name QMux, in the client's order. */
export function parseOffer(field: string): readonly string[] {
  const names = field.split(",").map((each) => each.trim());
  return names.filter((each) => isToken(each) && parseSubprotocol(each) !== undefined);
}

/** What a client offers. Protocols that a subprotocol cannot name are left out: RFC 6455 §4.1 allows only tokens. */
export function offerOf(protocols: readonly string[]): readonly string[] {
  const named = protocols.filter(isToken).flatMap((each) => QMUX_VERSIONS.map((version) => `${version}.${each}`));
  return [...named, ...QMUX_VERSIONS];
}

/** The newest offered draft for a protocol of the application, "" for none. Undefined if the client does not offer it. */
export function chooseSubprotocol(offered: readonly string[], protocol: string): string | undefined {
  const names = QMUX_VERSIONS.map((version) => (protocol === "" ? version : `${version}.${protocol}`));
  return names.find((each) => offered.includes(each));
}
