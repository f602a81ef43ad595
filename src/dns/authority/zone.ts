/** A zone in memory: its names with their record sets, checked when it is loaded (RFC 1034 §4.2, RFC 2181 §5). */

import { PresentationError } from "../errors.ts";
import type { ResourceRecord } from "../message.ts";
import { isWithin, labelsOf, nameKey, nameOf } from "../name.ts";
import { RECORD_CLASSES, RECORD_TYPES, type RecordType, typeName } from "../record-types.ts";
import { parseZone, printRecord } from "../zone-file.ts";

/** Records of one name and type, which share a time to live. Never empty. */
export type RecordSet = readonly ResourceRecord[];

/** A name of a zone. It has no record sets if only names below it have some (RFC 4592 §2.2.2). */
export interface ZoneNode {
  readonly name: string;
  /** By the number of their type. */
  readonly sets: ReadonlyMap<number, RecordSet>;
}

interface MutableNode extends ZoneNode {
  readonly sets: Map<number, ResourceRecord[]>;
}

/** RFC 2181 §10.1 and RFC 4035 §2.5: types that a name may have beside a CNAME record. */
const BESIDE_CNAME: ReadonlySet<number> = new Set([
  RECORD_TYPES.CNAME.number,
  RECORD_TYPES.RRSIG.number,
  RECORD_TYPES.NSEC.number,
]);

export class Zone {
  /** The name of its apex. */
  readonly origin: string;
  readonly soa: ResourceRecord;
  /** The number of its records. */
  readonly size: number;
  readonly #nodes = new Map<string, MutableNode>();

  /** Throws a `PresentationError` for records that are not a zone. Its apex is the owner of the SOA record. */
  constructor(records: readonly ResourceRecord[]) {
    const [soa, second] = records.filter(({ data }) => data.type === "SOA");
    if (soa === undefined) throw new PresentationError("a zone needs an SOA record");
    if (second !== undefined) {
      throw new PresentationError(`a zone has one SOA record; this has another at ${second.name}`);
    }
    this.soa = soa;
    this.origin = soa.name;
    for (const record of records) this.#add(record);
    for (const node of this.#nodes.values()) checkAliases(node);
    let size = 0;
    for (const { sets } of this.#nodes.values()) for (const [type, set] of sets) size += uniteTtls(sets, type, set);
    this.size = size;
  }

  /** Parses a zone file. `origin` completes relative names until the first $ORIGIN. */
  static parse(text: string, origin: string): Zone {
    return new Zone(parseZone(text, origin));
  }

  node(name: string): ZoneNode | undefined {
    return this.#nodes.get(nameKey(name));
  }

  contains(name: string): boolean {
    return isWithin(name, this.origin);
  }

  #add(record: ResourceRecord): void {
    const { name, data } = record;
    if (record.class !== RECORD_CLASSES.IN) throw new PresentationError(`${name}: only the class IN is served`);
    if (!this.contains(name)) throw new PresentationError(`${name} is not within the zone ${this.origin}`);
    if (data.type === "malformed") throw new PresentationError(`${name}: ${data.problem}`);
    const { sets } = this.#nodeAt(name);
    const set = sets.get(record.type);
    if (set === undefined) sets.set(record.type, [record]);
    // RFC 2181 §5: a set has no duplicates. They differ in their time to live at most.
    else if (!set.some((each) => printRecord({ ...each, ttl: record.ttl }) === printRecord(record))) set.push(record);
  }

  /** Finds a name or creates it, and those between it and the apex. */
  #nodeAt(name: string): MutableNode {
    const key = nameKey(name);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const node: MutableNode = { name, sets: new Map() };
    this.#nodes.set(key, node);
    if (key !== nameKey(this.origin)) this.#nodeAt(parentOf(name));
    return node;
  }
}

/** The name without its first label. The root has no parent. */
export const parentOf = (name: string): string => nameOf(labelsOf(name).slice(1));

function checkAliases({ name, sets }: ZoneNode): void {
  const aliases = sets.get(RECORD_TYPES.CNAME.number);
  if (aliases === undefined) return;
  if (aliases.length > 1) throw new PresentationError(`${name} has more than one CNAME record`);
  const other = [...sets.keys()].find((type) => !BESIDE_CNAME.has(type));
  // RFC 1034 §3.6.2: a resolver could not know which of them to follow.
  if (other !== undefined) throw new PresentationError(`${name} has a CNAME record, and ${typeName(other)} beside it`);
}

/** RFC 2181 §5.2: the records of a set have one time to live; the lowest is the safe one. Returns their number. */
function uniteTtls(sets: Map<number, ResourceRecord[]>, type: number, set: readonly ResourceRecord[]): number {
  const ttl = Math.min(...set.map((each) => each.ttl));
  sets.set(
    type,
    set.map((each) => (each.ttl === ttl ? each : { ...each, ttl })),
  );
  return set.length;
}

export const setOf = ({ sets }: ZoneNode, type: RecordType): RecordSet => sets.get(RECORD_TYPES[type].number) ?? [];
