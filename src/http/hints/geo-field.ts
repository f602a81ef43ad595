/** The field with which this server tells handlers and origins where a client is: a dictionary, such as `country="US", verdict=equal`. */

import { type BareItem, isInnerList, parseDictionary, serializeDictionary, Token } from "structured-headers";
import { combinedFieldValue, type FieldSection } from "../field-section.ts";
import { locationOf } from "../geofeed/location.ts";
import type { GeoVerdict, JudgedLocation } from "./geo-hint.ts";

/** The name of the field, in lower case. What a client sends of it is dropped. */
export const GEO_FIELD = "nagare-geo";

const VERDICTS: readonly GeoVerdict[] = ["equal", "coarser", "finer", "mismatch", "unverifiable", "none"];

/** Cities outside ASCII are percent-encoded, since structured strings are ASCII. */
export function emitGeoField({ location, verdict }: JudgedLocation): string {
  const members = new Map<string, [BareItem, Map<string, BareItem>]>();
  for (const name of ["country", "region", "city"] as const) {
    const value = location[name];
    if (value !== "")
      members.set(name, [
        /^[\x20-\x7e]*$/.test(value) ? value.replaceAll("%", "%25") : encodeURIComponent(value),
        new Map(),
      ]);
  }
  members.set("verdict", [new Token(verdict), new Map()]);
  return serializeDictionary(members);
}

/** Reads the field of a request that this server has passed on; undefined if it has none. */
export function readGeoField(fields: FieldSection): JudgedLocation | undefined {
  const value = combinedFieldValue(fields, GEO_FIELD);
  if (value === undefined) return undefined;
  try {
    const members = parseDictionary(value);
    const text = (name: string): string => {
      const member = members.get(name);
      const item = member === undefined || isInnerList(member) ? "" : member[0];
      return typeof item === "string" ? decodeURIComponent(item) : "";
    };
    const member = members.get("verdict");
    const verdict = VERDICTS.find((each) => member !== undefined && String(member[0]) === each);
    if (verdict === undefined) return undefined;
    return { location: locationOf(text("country"), text("region"), text("city")), verdict };
  } catch {
    return undefined;
  }
}
