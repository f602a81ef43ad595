/** Subprotocols of a session: WT-Available-Protocols and WT-Protocol (draft-ietf-webtrans-http3 §3.3). */

import { combinedFieldValue, type FieldSection } from "../../http/index.ts";

/** RFC 8941 §3.3.3: a String, with parameters that have no meaning here. */
const STRING = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"[^,"]*$/;

/** The List of Strings that a client offers; empty if there is none, or the field is not such a list. */
export function parseProtocols(fields: FieldSection): readonly string[] {
  const value = combinedFieldValue(fields, "wt-available-protocols");
  if (value === undefined) return [];
  const protocols: string[] = [];
  for (const item of value.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []) {
    const protocol = parseProtocol(item);
    if (protocol === undefined) return [];
    protocols.push(protocol);
  }
  return protocols;
}

/** The String that a server chose; undefined if it is not one. */
export function parseProtocol(item: string): string | undefined {
  return STRING.exec(item.trim())?.[1]?.replace(/\\(["\\])/g, "$1");
}

/** Throws a `TypeError` for characters that a String cannot have. */
export function formatProtocol(protocol: string): string {
  if (!/^[\x20-\x7e]*$/.test(protocol)) throw new TypeError(`a protocol may only have ASCII: "${protocol}"`);
  return `"${protocol.replace(/["\\]/g, "\\$&")}"`;
}
