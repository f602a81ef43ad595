/** Matches a certificate's names against a host (RFC 9525 §6, RFC 5280 §4.2.1.6). */

import type { GeneralName } from "./certificate.ts";
import { addressBytes } from "./der-writer.ts";

/** A client's target, normalized: lower case, without brackets or a trailing dot. */
export interface NamedHost {
  readonly name: string;
  /** Set for an address literal. */
  readonly address: Uint8Array | undefined;
}

export function parseHost(serverName: string): NamedHost {
  const bare = serverName.replace(/^\[(.*)\]$/, "$1");
  const name = bare.toLowerCase().replace(/\.$/, "");
  return { name, address: addressBytes(bare) };
}

export function covers(name: GeneralName, host: NamedHost): boolean {
  if (host.address !== undefined) return name.type === "address" && Buffer.compare(name.bytes, host.address) === 0;
  return name.type === "dns" && coversDnsName(name.name, host.name);
}

/** A wildcard matches exactly one label, the left-most, and never a top-level domain (RFC 9525 §6.3). */
export function coversDnsName(pattern: string, host: string): boolean {
  const presented = pattern.toLowerCase().replace(/\.$/, "");
  if (presented === "" || host === "") return false;
  if (!presented.startsWith("*.")) return presented === host;
  const suffix = presented.slice(1);
  if (suffix.includes("*") || suffix.lastIndexOf(".") < 1) return false;
  const dot = host.indexOf(".");
  return dot > 0 && host.slice(dot) === suffix;
}

/** Formats an iPAddress for display: 127.0.0.1, ::1. */
export function formatAddressBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return "(a malformed address)";
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i]! << 8) | bytes[i + 1]!).toString(16));
  return compressZeros(groups);
}

/** The longest run of zero groups becomes "::" (RFC 5952 §4.2). */
function compressZeros(groups: readonly string[]): string {
  let [start, length] = [0, 0];
  for (let i = 0; i < groups.length; i += 1) {
    let end = i;
    while (groups[end] === "0") end += 1;
    if (end - i > length) [start, length] = [i, end - i];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}
