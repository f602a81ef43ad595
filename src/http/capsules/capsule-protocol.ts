/** The Capsule-Protocol field (RFC 9297 §3.4). */

import type { FieldLine, FieldSection } from "../field-section.ts";

/** Says that the data stream is a sequence of capsules, so that intermediaries may look into it. */
export const CAPSULE_PROTOCOL_FIELD: FieldLine = ["capsule-protocol", "?1"];

/** Item Boolean (RFC 8941 §3.3.6), with parameters that have no meaning here. */
const TRUE = /^\?1 *(;.*)?$/;

/** True if the message uses the Capsule Protocol. A field with any other value, or more than one, counts as absent. */
export function hasCapsuleProtocol(fields: FieldSection): boolean {
  const lines = fields.filter(([name]) => name === "capsule-protocol");
  return lines.length === 1 && TRUE.test(lines[0]![1].trim());
}
