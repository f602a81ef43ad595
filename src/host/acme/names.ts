/** The names of certificates: their check, and the keys under which they are stored. */

import { createHash } from "node:crypto";
import { domainToASCII } from "node:url";
import { ipVersion } from "../../wire/ip-address.ts";
import { addressBytes } from "../certificates/der-writer.ts";
import { formatAddressBytes } from "../certificates/host-name.ts";
import { invalidOption } from "./errors.ts";

/** Names of one certificate, at most; authorities allow 100. */
const MAX_NAMES = 100;

/** Lowercase, in ASCII. Throws an `AcmeError` for what is neither a DNS name, a wildcard, nor an address. */
export function checkName(name: string): string {
  const address = addressBytes(name);
  if (address !== undefined) return formatAddressBytes(address);
  // Otherwise a part of it would pass as the host of a URL.
  if (/[\s/\\?#@:%[\]]/.test(name)) throw notName(name);
  const isWildcard = name.startsWith("*.");
  const ascii = domainToASCII(isWildcard ? name.slice(2) : name).replace(/\.$/, "");
  const labels = ascii.split(".");
  const isName =
    ascii.length <= 253 && labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  if (!isName) throw notName(name);
  return isWildcard ? `*.${ascii}` : ascii;
}

const notName = (name: string): Error =>
  invalidOption(`${name} is not a domain name: give one such as www.example.com`);

/** Each entry is the names of one certificate. */
export function checkDomains(domains: readonly (string | readonly string[])[]): readonly (readonly string[])[] {
  const groups = domains.map((entry) => [...new Set([entry].flat().map(checkName))]);
  for (const group of groups) {
    if (group.length === 0) throw invalidOption("domains has a certificate without names");
    if (group.length > MAX_NAMES)
      throw invalidOption(`a certificate has at most ${MAX_NAMES} names: split ${group[0]}`);
  }
  // Two entries of the same names are one certificate.
  return [...new Map(groups.map((group) => [groupKey(group), group])).values()];
}

/** The part of a storage key that stands for a certificate. */
export function groupKey(names: readonly string[]): string {
  const [first] = names;
  const readable = first!.replace("*", "_").replaceAll(":", "-");
  const isPlain = names.length === 1 && readable === first && !first.startsWith(".");
  return isPlain ? readable : `${readable.replace(/^[.-]/, "_")}-${digest([...names].sort().join(" "))}`;
}

/** The part of a storage key that stands for an authority. */
export const authorityKey = (directory: string): string =>
  `${new URL(directory).host.replace(/[^A-Za-z0-9.-]/g, "_")}-${digest(directory)}`;

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** RFC 8555 §9.7.7; RFC 8738 §3 for addresses. */
export const identifierOf = (name: string): { readonly type: "dns" | "ip"; readonly value: string } => ({
  type: ipVersion(name) === undefined ? "dns" : "ip",
  value: name,
});
