/** A geofeed of a million prefixes, half IPv6: CPU time to load it, and to look an address up. */

import { type Geofeed, GeofeedReader } from "../src/http/index.ts";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./statistics.ts";

const ENTRIES = 1_000_000;
const LOOKUPS = 1_000_000;
const CHUNK = 1 << 16;
const ROUNDS = 5;
/** CPU milliseconds, and nanoseconds. */
const MAX_LOAD = 2_000;
const MAX_LOOKUP = 1_000;

/** CPU milliseconds of this process. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** A linear congruential generator: the same feed in each run. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

/** The prefix of each number, half of them of IPv6; neighbours are far from each other. */
function prefixOf(i: number, entries: number): { readonly isIpv6: boolean; readonly bits: number } {
  // 611,953 is prime, so this visits all numbers.
  const place = (i * 611_953) % entries;
  return { isIpv6: place % 2 === 1, bits: place >>> 1 };
}

function feedOf(entries: number): Uint8Array {
  const next = generator();
  const lines = Array.from({ length: entries }, (_, i) => {
    const { isIpv6, bits } = prefixOf(i, entries);
    const city = `City ${next() % 20_000}`;
    if (!isIpv6) return `${11 + (bits >>> 16)}.${(bits >>> 8) & 255}.${bits & 255}.0/24,DE,DE-BY,${city},`;
    return `2a00:${(bits >>> 8).toString(16)}:${(bits & 255).toString(16)}::/48,US,US-CA,${city},`;
  });
  return new TextEncoder().encode(lines.join("\r\n"));
}

/** An address in the prefix of a number. */
function addressIn(i: number, entries: number): Uint8Array {
  const { isIpv6, bits } = prefixOf(i, entries);
  if (!isIpv6) return new Uint8Array([11 + (bits >>> 16), bits >>> 8, bits, 7]);
  return new Uint8Array([0x2a, 0, bits >>> 16, bits >>> 8, 0, bits, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

function load(bytes: Uint8Array): Geofeed {
  const reader = new GeofeedReader();
  for (let at = 0; at < bytes.byteLength; at += CHUNK) reader.write(bytes.subarray(at, at + CHUNK));
  return reader.end();
}

export const geofeed: Bench = async ({ rounds = ROUNDS, size = ENTRIES, log }) => {
  const bytes = feedOf(size);
  const next = generator();
  const addresses = Array.from({ length: 1 << 14 }, () => addressIn(next() % size, size));
  const loads: number[] = [];
  const lookups: number[] = [];
  let entries = 0;
  let found = 0;
  for (let round = 0; round < rounds; round += 1) {
    log(`round ${round + 1}`);
    const begun = cpu();
    const feed = load(bytes);
    loads.push(cpu() - begun);
    entries = feed.summary.entries;
    const looked = cpu();
    for (let i = 0; i < LOOKUPS; i += 1) if (feed.locate(addresses[i & 0x3fff]!) !== undefined) found += 1;
    lookups.push(((cpu() - looked) * 1e6) / LOOKUPS);
  }
  const [loaded, lookup] = [median(loads), median(lookups)];
  return {
    rows: [
      {
        name: `${entries} prefixes, ${rounded(bytes.byteLength / 1e6)} MB`,
        figures: {
          "load ms": Math.round(loaded),
          "lookup ns": Math.round(lookup),
          "found %": Math.round((found * 100) / (LOOKUPS * rounds)),
        },
      },
    ],
    ratios: { "load-vs-limit": rounded(loaded / MAX_LOAD), "lookup-vs-limit": rounded(lookup / MAX_LOOKUP) },
    targets: [],
    remarks: ["limits: 2 s to load, 1 µs to look up, of CPU time"],
  };
};
