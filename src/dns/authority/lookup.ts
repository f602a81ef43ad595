/** What zones say about a question: the algorithm of RFC 1034 §4.3.2, with wildcards as in RFC 4592. */

import { RCODES, type ResourceRecord } from "../message.ts";
import { isSameName, labelsOf, nameKey, nameOf } from "../name.ts";
import { QUERY_TYPES, RECORD_CLASSES, RECORD_TYPES } from "../record-types.ts";
import { type RecordSet, setOf, type Zone, type ZoneNode } from "./zone.ts";

export interface LookupResult {
  readonly rcode: number;
  /** False for referrals, and for names of no zone. */
  readonly isAuthoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** Aliases in one answer. After that the resolver continues at the last one. */
const MAX_CHAIN = 16;
/** Records in the additional section; they are a service, not an answer. */
const MAX_ADDITIONAL = 64;
const MAX_NAME_LABELS = 127;
const REFUSED: LookupResult = {
  rcode: RCODES.REFUSED,
  isAuthoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
};

/** `zones` are the ones served; the closest to a name answers for it. */
export function lookup(zones: readonly Zone[], name: string, type: number): LookupResult {
  const answers: ResourceRecord[] = [];
  const seen = new Set<string>();
  let current = name;
  for (;;) {
    const zone = closestZone(zones, current, type);
    // An alias to a name elsewhere: the resolver goes on.
    if (zone === undefined) return answers.length === 0 ? REFUSED : result(answers, []);
    const step = lookUpIn(zone, current, type);
    answers.push(...step.answers);
    const { target } = step;
    const isLoop = target !== undefined && (seen.has(nameKey(target)) || seen.size >= MAX_CHAIN);
    if (target === undefined || isLoop) {
      const { rcode, authorities, isReferral } = step;
      const additionals = additionalsFor(zones, [...answers, ...authorities]);
      return { rcode, isAuthoritative: !isReferral || answers.length > 0, answers, authorities, additionals };
    }
    seen.add(nameKey(current));
    current = target;
  }
}

const result = (answers: readonly ResourceRecord[], authorities: readonly ResourceRecord[]): LookupResult => ({
  rcode: RCODES.NOERROR,
  isAuthoritative: true,
  answers,
  authorities,
  additionals: [],
});

function closestZone(zones: readonly Zone[], name: string, type: number): Zone | undefined {
  let closest: Zone | undefined;
  for (const zone of zones) {
    if (!zone.contains(name)) continue;
    // RFC 4035 §3.1.4.1: DS records belong to the parent's side of a cut.
    if (
      type === RECORD_TYPES.DS.number &&
      isSameName(zone.origin, name) &&
      zones.some((each) => isParent(each, zone))
    ) {
      continue;
    }
    if (closest === undefined || labelsOf(zone.origin).length > labelsOf(closest.origin).length) closest = zone;
  }
  return closest;
}

const isParent = (zone: Zone, child: Zone): boolean => zone !== child && zone.contains(child.origin);

interface Step {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly isReferral: boolean;
  /** The name that an alias leads to. */
  readonly target: string | undefined;
}

function lookUpIn(zone: Zone, name: string, type: number): Step {
  const labels = labelsOf(name);
  const depth = labelsOf(zone.origin).length;
  let encloser: ZoneNode = zone.node(zone.origin)!;
  // Downwards from the apex, which is never a cut.
  for (let count = depth + 1; count <= labels.length; count += 1) {
    const node = zone.node(nameOf(labels.slice(labels.length - count)));
    if (node === undefined) return belowEncloser(zone, encloser, name, type);
    encloser = node;
    const delegation = setOf(node, "NS");
    const isOwnerOfDs = count === labels.length && type === RECORD_TYPES.DS.number;
    if (delegation.length > 0 && !isOwnerOfDs) return referral(delegation, setOf(node, "DS"));
    const alias = count < labels.length ? redirect(node, name) : undefined;
    if (alias !== undefined) return alias;
  }
  return answerFrom(zone, encloser, name, type);
}

/** The name does not exist; a wildcard or a DNAME record of the closest name that does may speak for it. */
function belowEncloser(zone: Zone, encloser: ZoneNode, name: string, type: number): Step {
  const alias = redirect(encloser, name);
  if (alias !== undefined) return alias;
  // RFC 4592 §2.2.1: only the wildcard at the closest encloser counts.
  const wildcard = zone.node(encloser.name === "." ? "*." : `*.${encloser.name}`);
  if (wildcard !== undefined) return answerFrom(zone, wildcard, name, type);
  return { ...negative(zone), rcode: RCODES.NXDOMAIN };
}

/** Answers with the records of a node, under the name of the question. */
function answerFrom(zone: Zone, node: ZoneNode, name: string, type: number): Step {
  const own = (set: RecordSet): RecordSet => (node.name === name ? set : set.map((each) => ({ ...each, name })));
  const [alias] = setOf(node, "CNAME");
  if (alias?.data.type === "CNAME" && type !== RECORD_TYPES.CNAME.number && type !== QUERY_TYPES.ANY) {
    return { ...found(own([alias])), target: alias.data.target };
  }
  // RFC 8482 §4.1: one set is an answer to ANY, so that nobody's address is flooded with all of them.
  const set = type === QUERY_TYPES.ANY ? [...node.sets.values()][0] : node.sets.get(type);
  return set === undefined ? negative(zone) : found(own(set));
}

const found = (answers: readonly ResourceRecord[]): Step => ({
  rcode: RCODES.NOERROR,
  answers,
  authorities: [],
  isReferral: false,
  target: undefined,
});

/** RFC 2308 §3: the SOA record says how long there will be nothing, at most its minimum. */
function negative({ soa }: Zone): Step {
  const minimum = soa.data.type === "SOA" ? soa.data.minimum : 0;
  return { ...found([]), authorities: [{ ...soa, ttl: Math.min(soa.ttl, minimum) }] };
}

const referral = (delegation: RecordSet, signers: RecordSet): Step => ({
  ...found([]),
  authorities: [...delegation, ...signers],
  isReferral: true,
});

/** RFC 6672 §3.1: a DNAME record moves everything below its owner; a CNAME record says so to those who do not know it. */
function redirect(node: ZoneNode, name: string): Step | undefined {
  const [record] = setOf(node, "DNAME");
  if (record?.data.type !== "DNAME") return undefined;
  const kept = labelsOf(name).slice(0, -labelsOf(node.name).length || undefined);
  const labels = [...kept, ...labelsOf(record.data.target)];
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  // RFC 6672 §2.2: the new name would be too long.
  if (length > 255 || labels.length > MAX_NAME_LABELS) return { ...found([record]), rcode: RCODES.YXDOMAIN };
  const target = nameOf(labels);
  const alias: ResourceRecord = {
    name,
    type: RECORD_TYPES.CNAME.number,
    class: RECORD_CLASSES.IN,
    ttl: record.ttl,
    data: { type: "CNAME", target },
  };
  return { ...found([record, alias]), target };
}

/** Addresses of the names in these records, and the service bindings of aliases (RFC 1035 §3.3, RFC 9460 §4.1). */
function additionalsFor(zones: readonly Zone[], records: readonly ResourceRecord[]): ResourceRecord[] {
  const additionals: ResourceRecord[] = [];
  const seen = new Set(records.map(keyOf));
  const take = (name: string, types: readonly number[]): void => {
    for (const type of types) {
      const set = glue(zones, name, type);
      const [first] = set;
      if (first === undefined || seen.has(keyOf(first)) || additionals.length + set.length > MAX_ADDITIONAL) continue;
      seen.add(keyOf(first));
      additionals.push(...set);
      // RFC 9460 §4.1: also the addresses of the names that these lead to. Aliases do not lead on.
      for (const record of set) if (isServiceMode(record)) take(targetOf(record)!, ADDRESSES);
    }
  };
  for (const record of records) {
    const target = targetOf(record);
    if (target === undefined) continue;
    const { type } = record.data;
    take(target, type === "SVCB" || type === "HTTPS" ? [record.type, ...ADDRESSES] : ADDRESSES);
  }
  return additionals;
}

const ADDRESSES: readonly number[] = [RECORD_TYPES.A.number, RECORD_TYPES.AAAA.number];

const isServiceMode = ({ data }: ResourceRecord): boolean =>
  (data.type === "SVCB" || data.type === "HTTPS") && data.priority > 0;

const keyOf = ({ name, type }: ResourceRecord): string => `${nameKey(name)} ${type}`;

/** Also below a cut, where the zone is not authoritative (RFC 1034 §4.2.1). */
function glue(zones: readonly Zone[], name: string, type: number): RecordSet {
  const zone = closestZone(zones, name, type);
  return zone?.node(name)?.sets.get(type) ?? [];
}

function targetOf({ name, data }: ResourceRecord): string | undefined {
  switch (data.type) {
    case "NS":
    case "SRV":
      return data.target;
    case "MX":
      return data.exchange;
    case "SVCB":
    case "HTTPS":
      // RFC 9460 §2.5: the owner's name, or in alias mode none.
      return data.target !== "." ? data.target : data.priority === 0 ? undefined : name;
    default:
      return undefined;
  }
}
