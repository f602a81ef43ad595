/** What a response says about the end of its resource, in one word. */

import { type FieldSection, readNotice } from "../../../http/index.ts";
import type { DeprecationState } from "./usage.ts";

/** Undefined for a response without a notice. `now` is in milliseconds since 1970. */
export function deprecationStateOf(status: number, fields: FieldSection, now: number): DeprecationState | undefined {
  const isNoticed = fields.some(([name]) => /^(?:deprecation|sunset)$/i.test(name));
  if (!isNoticed) return undefined;
  const { deprecation, sunset } = readNotice(fields, now);
  if (status === 410) return "gone";
  if (sunset !== undefined && sunset <= now) return "sunset";
  if (deprecation !== undefined && deprecation <= now) return "deprecated";
  return deprecation === undefined && sunset === undefined ? undefined : "announced";
}
