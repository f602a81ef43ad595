/** Random records of almost every type, each with a name of its own, in one zone. */

import fc from "fast-check";
import { printRecord, type ResourceRecord, typeName } from "../../src/dns/index.ts";
import { anyRecord } from "../../src/dns/testing/records.ts";

export const ORIGIN = "zone.test.";
const APEX = `${ORIGIN} 60 SOA ns.${ORIGIN} a.${ORIGIN} 1 2 3 4 5\n${ORIGIN} 60 NS ns.${ORIGIN}\nns.${ORIGIN} 60 A 192.0.2.53\n`;

/** Servers make these themselves, allow them in some places only, or end the zone at them. */
const EXCLUDED = /^(?:SOA|NS|DNAME|RRSIG|NSEC|NSEC3|NSEC3PARAM|CDS|CDNSKEY|DNSKEY)$/;
/** Knot does not know dohpath in zone files before 3.3, and takes an escape after a comma of alpn for an empty item. */
const UNREADABLE = /dohpath|alpn="[^"]*\\/;

export const isForKnot = (record: ResourceRecord): boolean => !UNREADABLE.test(printRecord(record));

/** BIND refuses regular expressions that are none, and digests of a known type whose length is another's, in generic form too. */
export function isForBind(record: ResourceRecord): boolean {
  const { data } = record;
  if (data.type === "NAPTR") return !/"[^"]+" \S+$/.test(printRecord(record));
  return isForKnot(record) && !/\t(?:DS\t\d+ \d+|SSHFP\t\d+) [1-4] /.test(printRecord(record));
}

/** Those that a server's parser of zone files accepts. */
export function randomRecords(
  count: number,
  seed: number,
  accepts: (record: ResourceRecord) => boolean = () => true,
): readonly ResourceRecord[] {
  return fc
    .sample(anyRecord, { seed, numRuns: count * 4 })
    .filter(({ type }) => !EXCLUDED.test(typeName(type)))
    .filter(accepts)
    .slice(0, count)
    .map((record, i) => ({ ...record, name: `r${i}.${ORIGIN}` }));
}

export const zoneText = (records: readonly ResourceRecord[]): string =>
  `${APEX}${records.map((each) => `${printRecord(each)}\n`).join("")}`;
