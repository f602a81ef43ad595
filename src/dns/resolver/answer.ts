/**
 * What a response says about a question (RFC 1034 §4.3.2, RFC 2308): the records at the end of the chain of aliases. Records
 * that are not part of the chain are ignored, whatever section they are in, so that a server cannot smuggle in others'.
 */

import { type Message, RCODES, type ResourceRecord } from "../message.ts";
import { isWithin, nameKey } from "../name.ts";
import { RECORD_CLASSES, RECORD_TYPES } from "../record-types.ts";

export type Reading =
  /** `name` is the end of the chain. */
  | {
      readonly kind: "records";
      readonly name: string;
      readonly records: readonly ResourceRecord[];
      readonly ttl: number;
    }
  /** There is none of the type, or no such name; `ttl` is undefined if that must not be remembered. */
  | { readonly kind: "none"; readonly why: "no-data" | "no-name"; readonly ttl: number | undefined }
  /** The chain leaves the message, and continues at another name. */
  | { readonly kind: "alias"; readonly target: string; readonly ttl: number }
  /** The chain is a loop, or too long. */
  | { readonly kind: "bad-chain" }
  /** The server did not answer the question. */
  | { readonly kind: "failure"; readonly rcode: number };

/** Aliases that one answer may go through, in all its messages. */
export const MAX_ALIASES = 11;

export function readAnswer(message: Message, name: string, type: number): Reading {
  const { rcode, answers } = message;
  if (rcode !== RCODES.NOERROR && rcode !== RCODES.NXDOMAIN) return { kind: "failure", rcode };
  let current = name;
  let ttl = Number.POSITIVE_INFINITY;
  const seen = new Set<string>();
  for (;;) {
    const key = nameKey(current);
    if (seen.has(key) || seen.size > MAX_ALIASES) return { kind: "bad-chain" };
    seen.add(key);
    const owned = answers.filter((each) => each.class === RECORD_CLASSES.IN && nameKey(each.name) === key);
    const records = owned.filter((each) => each.type === type);
    if (records.length > 0) {
      // In the case of the question, not in that of the wire.
      const name = current;
      return {
        kind: "records",
        name,
        records: records.map((each) => ({ ...each, name })),
        ttl: Math.min(ttl, leastTtl(records)),
      };
    }
    const alias = owned.find(({ data }) => data.type === "CNAME");
    if (alias?.data.type !== "CNAME") break;
    ttl = Math.min(ttl, alias.ttl);
    current = alias.data.target;
  }
  if (current !== name && rcode === RCODES.NOERROR && !hasSoa(message)) return { kind: "alias", target: current, ttl };
  const why = rcode === RCODES.NXDOMAIN ? "no-name" : "no-data";
  const negative = negativeTtl(message, current);
  return { kind: "none", why, ttl: negative === undefined ? undefined : Math.min(ttl, negative) };
}

function leastTtl(records: readonly ResourceRecord[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { ttl } of records) least = Math.min(least, ttl);
  return least;
}

const hasSoa = ({ authorities }: Message): boolean => authorities.some(({ type }) => type === RECORD_TYPES.SOA.number);

/** RFC 2308 §5: the lesser of the SOA's time to live and its minimum field; without an SOA, nothing is remembered. */
function negativeTtl({ authorities }: Message, name: string): number | undefined {
  for (const { name: owner, ttl, data } of authorities) {
    if (data.type === "SOA" && isWithin(name, owner)) return Math.min(ttl, data.minimum);
  }
  return undefined;
}
