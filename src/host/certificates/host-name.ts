/** Matches a certificate's names against a host (RFC 9525 §6, RFC 5280 §4.2.1.6). */

import { formatIpAddress } from "../../wire/ip-address.ts";
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
export const formatAddressBytes = (bytes: Uint8Array): string =>
  bytes.length === 4 || bytes.length === 16 ? formatIpAddress(bytes) : "(a malformed address)";
