/** Client hints: Accept-CH (RFC 8942) and Critical-CH (draft-davidben-http-client-hint-reliability). */

import { isInnerList, parseList, serializeList, Token } from "structured-headers";
import { combinedFieldValue, type FieldSection } from "../field-section.ts";

/** Hints of one field; further ones are ignored. */
const MAX_HINTS = 64;

/**
 * The hints that a field lists, in lower case; undefined if the response does not have it. RFC 8942 §3.1: a field that is not a list of
 * tokens says nothing.
 */
export function readHints(fields: FieldSection, name: "accept-ch" | "critical-ch"): string[] | undefined {
  const value = combinedFieldValue(fields, name);
  if (value === undefined) return undefined;
  try {
    const hints: string[] = [];
    for (const member of parseList(value)) {
      const [item] = member;
      if (isInnerList(member) || !(item instanceof Token)) return [];
      hints.push(String(item).toLowerCase());
    }
    return [...new Set(hints)].slice(0, MAX_HINTS);
  } catch {
    return [];
  }
}

/** A list of hints as a field's value. */
export const emitHints = (hints: readonly string[]): string =>
  serializeList(hints.map((hint) => [new Token(hint), new Map()]));

/**
 * True if a client sends its request again, once (draft-davidben-http-client-hint-reliability §2.2): it did not send a critical hint that it
 * would send now. `sent` and `now` are in lower case.
 */
export const lacksCritical = (
  critical: readonly string[],
  sent: ReadonlySet<string>,
  now: ReadonlySet<string>,
): boolean => critical.some((hint) => !sent.has(hint) && now.has(hint));
