/** The Priority field (RFC 9218 §4, §5): read with the fall-backs of the RFC, written, and merged. */

import { isInnerList, parseDictionary } from "structured-headers";
import type { FieldSection } from "../field-section.ts";

/** A complete priority (RFC 9218 §4). */
export interface Priority {
  /** From 0, the most urgent, to 7, for work in the background. */
  readonly urgency: number;
  /** True if the response is useful piece by piece, so that it shares the bandwidth with others of its urgency. */
  readonly incremental: boolean;
}

/** The members that a field or a caller sets. */
export type PartialPriority = Partial<Priority>;

/** RFC 9218 §4.1, §4.2 */
export const DEFAULT_PRIORITY: Priority = { urgency: 3, incremental: false };

/** RFC 9218 §4.1: "reserved for delivery of the response as background". */
export const LOWEST_URGENCY = 7;

const NOTHING: PartialPriority = {};

const isUrgency = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LOWEST_URGENCY;

/**
 * The members of a field's value. Members of other names, of other types and out of range are ignored (RFC 9218 §4). Undefined
 * if the value is not a dictionary: the whole field is then ignored (RFC 9651 §4.2).
 */
export function parsePriority(value: string): PartialPriority | undefined {
  let members: ReturnType<typeof parseDictionary>;
  try {
    members = parseDictionary(value);
  } catch {
    return undefined;
  }
  const u = members.get("u");
  const i = members.get("i");
  const urgency = u !== undefined && !isInnerList(u) && isUrgency(u[0]) && !isDecimal(value) ? u[0] : undefined;
  const incremental = i !== undefined && !isInnerList(i) && typeof i[0] === "boolean" ? i[0] : undefined;
  return {
    ...(urgency === undefined ? {} : { urgency }),
    ...(incremental === undefined ? {} : { incremental }),
  };
}

/**
 * True if the member `u`, whose last occurrence counts, is a Decimal such as 1.0: the parser returns the same number as for an
 * Integer, and RFC 9218 §4.1 takes only an Integer. Text in quotes is no member.
 */
function isDecimal(value: string): boolean {
  if (!value.includes(".")) return false;
  const last = [...value.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/(?:^|,)[ \t]*u=-?\d+(\.)?/g)].at(-1);
  return last?.[1] === ".";
}

/** Parsed values, of which a browser sends about ten different ones. */
const known = new Map<string, PartialPriority>();
const MAX_KNOWN = 64;
const MAX_KNOWN_LENGTH = 32;

function parseKnown(value: string): PartialPriority {
  const found = known.get(value);
  if (found !== undefined) return found;
  const members = parsePriority(value) ?? NOTHING;
  if (known.size < MAX_KNOWN && value.length <= MAX_KNOWN_LENGTH) known.set(value, members);
  return members;
}

/** The members that a message sets with its Priority field. Without a field, or with one that does not parse, none. */
export function priorityOf(fields: FieldSection): PartialPriority {
  let value: string | undefined;
  // RFC 9110 §5.3: several lines are one value.
  for (const [name, line] of fields) if (name === "priority") value = value === undefined ? line : `${value}, ${line}`;
  return value === undefined ? NOTHING : parseKnown(value);
}

/** A client's priority, with the defaults for what it did not set (RFC 9218 §4). */
export const completePriority = (members: PartialPriority): Priority => ({
  urgency: members.urgency ?? DEFAULT_PRIORITY.urgency,
  incremental: members.incremental ?? DEFAULT_PRIORITY.incremental,
});

/** RFC 9218 §8: the server's members replace the client's; what it does not set stays. */
export const mergePriority = (client: Priority, server: PartialPriority): Priority => ({
  urgency: server.urgency ?? client.urgency,
  incremental: server.incremental ?? client.incremental,
});

/**
 * The value of a Priority field or of a PRIORITY_UPDATE frame, with just the members that are set: `u=1, i`. Throws a
 * RangeError for an urgency that is not an integer from 0 to 7.
 */
export function emitPriority({ urgency, incremental }: PartialPriority): string {
  if (urgency !== undefined && !isUrgency(urgency)) {
    throw new RangeError(`invalid urgency ${urgency}: must be an integer from 0 to 7`);
  }
  const parts: string[] = [];
  if (urgency !== undefined) parts.push(`u=${urgency}`);
  if (incremental !== undefined) parts.push(incremental ? "i" : "i=?0");
  return parts.join(", ");
}

/** A client's members without those that are the default anyway (RFC 9218 §4), for a shorter field. */
export const withoutDefaults = ({ urgency, incremental }: PartialPriority): PartialPriority => ({
  ...(urgency === undefined || urgency === DEFAULT_PRIORITY.urgency ? {} : { urgency }),
  ...(incremental === undefined || incremental === DEFAULT_PRIORITY.incremental ? {} : { incremental }),
});
