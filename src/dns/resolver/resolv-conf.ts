/** The system's configuration as text: resolv.conf (resolv.conf(5)) and hosts (hosts(5)). */

import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { labelsOf, nameKey, parseName } from "../name.ts";

export interface ResolvConf {
  /** IP addresses, the first one first. */
  readonly servers: readonly string[];
  /** Absolute names to append to relative ones. */
  readonly search: readonly string[];
  /** Names with at least this number of dots are tried as they are first. */
  readonly ndots: number;
}

/** glibc reads this many. */
const MAX_SERVERS = 3;
const MAX_SEARCH = 6;
const MAX_NDOTS = 15;

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver" && servers.length < MAX_SERVERS) {
      if (parseIpAddress(values[0] ?? "") !== undefined) servers.push(values[0]!);
    } else if (keyword === "search" || keyword === "domain") {
      // The last one counts.
      search = values.slice(0, keyword === "domain" ? 1 : MAX_SEARCH).flatMap(validName);
    } else if (keyword === "options") {
      for (const option of values) {
        const count = /^ndots:(\d+)$/.exec(option)?.[1];
        if (count !== undefined) ndots = Math.min(Number(count), MAX_NDOTS);
      }
    }
  }
  return { servers, search, ndots };
}

/** The absolute names to try for a name as given, in order. */
export function searchList(text: string, { search, ndots }: Pick<ResolvConf, "search" | "ndots">): string[] {
  const name = parseName(text);
  if (/(^|[^\\])(\\\\)*\.$/.test(text) || search.length === 0) return [name];
  const longer = search.flatMap((domain) => validName(domain === "." ? name : `${name}${domain}`));
  const dots = labelsOf(name).length - 1;
  return dots >= ndots ? [name, ...longer] : [...longer, name];
}

function validName(text: string): string[] {
  try {
    return [parseName(text)];
  } catch {
    return [];
  }
}

/** Addresses by name, in lower case without the last dot. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const bytes = parseIpAddress(address);
    if (bytes === undefined) continue;
    for (const name of names) {
      const key = nameKey(name).replace(/\.$/, "");
      const known = hosts.get(key) ?? [];
      if (!known.includes(formatIpAddress(bytes))) known.push(formatIpAddress(bytes));
      hosts.set(key, known);
    }
  }
  return hosts;
}
