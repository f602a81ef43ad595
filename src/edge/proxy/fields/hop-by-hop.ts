/** Fields that belong to one connection, and are never passed on (RFC 9110 §7.6.1). */
import { type FieldSection, isConnectionSpecific } from "../../../http/index.ts";

/** RFC 9110 §7.6.1: fields about one connection, and fields that the proxy consumes or replaces. */
export const isHopByHop = (name: string): boolean =>
  name === "expect" || name === "host" || name === "te" || isConnectionSpecific(name);

/** Fields that Connection names are for this connection only (RFC 9110 §7.6.1). */
export function nominatedFields(fields: FieldSection): ReadonlySet<string> {
  const nominated = new Set<string>();
  for (const [name, value] of fields) {
    if (name !== "connection") continue;
    for (const option of value.split(",")) nominated.add(option.trim().toLowerCase());
  }
  nominated.delete("content-length"); // Connection cannot remove framing
  nominated.delete("host");
  return nominated;
}
