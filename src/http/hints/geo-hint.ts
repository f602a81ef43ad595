/** Sec-CH-IP-Geo (draft-pauly-httpbis-geoip-hint): where a client says its address is used, and how much of that a server may believe. */

import { isInnerList, parseItem, serializeItem } from "structured-headers";
import type { FieldSection } from "../field-section.ts";
import {
  type GeoLocation,
  isNowhere,
  type LocationProblem,
  locationOf,
  locationText,
  NOWHERE,
} from "../geofeed/location.ts";

/** The name of the hint, as the draft spells it. */
export const GEO_HINT = "Sec-CH-IP-Geo";
const FIELD_NAME = GEO_HINT.toLowerCase();

/**
 * The location of a request's hint; undefined without a usable one: several lines, a value that is not a string, or contradicting
 * fields. A postal code is dropped. An empty hint is "no location".
 */
export function readGeoHint(fields: FieldSection): GeoLocation | undefined {
  const values = fields.filter(([name]) => name === FIELD_NAME);
  if (values.length !== 1) return undefined;
  return parseGeoHint(values[0]![1]);
}

/** The location of a hint's value; undefined if it is not usable. */
export function parseGeoHint(value: string): GeoLocation | undefined {
  let text: unknown;
  try {
    const item = parseItem(value);
    text = isInnerList(item) ? undefined : item[0];
  } catch {
    return undefined;
  }
  if (typeof text !== "string") return undefined;
  const [country = "", region = "", city = "", , ...more] = text.split(",").map((field) => field.trim());
  const problems: LocationProblem[] = [];
  const location = locationOf(country, region, city, problems);
  return problems.length > 0 || more.length > 0 ? undefined : location;
}

/**
 * A hint's value. A structured string is ASCII: accents are dropped, and a city with other letters is left out, which the draft does not
 * rule.
 */
export function emitGeoHint({ country, region, city }: GeoLocation): string {
  const folded = city.normalize("NFD").replaceAll(/\p{M}/gu, "");
  const isPlain = /^[\x20-\x7e]*$/.test(folded);
  return serializeItem([locationText({ country, region, city: isPlain ? folded : "" }), new Map()]);
}

/** How a hint relates to the feed that the server trusts. */
export type GeoVerdict =
  /** Both say the same. */
  | "equal"
  /** The hint says less than the feed, and nothing else. */
  | "coarser"
  /** The hint says more than the address gives away, which the draft forbids: only the common part counts. */
  | "finer"
  /** They contradict each other: the feed may be old. */
  | "mismatch"
  /** The feed does not have the address. */
  | "unverifiable"
  /** There is no usable hint. */
  | "none";

/** A location, and how far it can be relied on. Never a reason to allow or refuse anything: nobody has authenticated it. */
export interface JudgedLocation {
  readonly location: GeoLocation;
  readonly verdict: GeoVerdict;
}

/** Compares a client's hint with the entry of the feed for its address. */
export function judgeGeoHint(hint: GeoLocation | undefined, entry: GeoLocation | undefined): JudgedLocation {
  if (hint === undefined) return { location: entry ?? NOWHERE, verdict: "none" };
  if (entry === undefined) return { location: hint, verdict: "unverifiable" };
  const [said, known] = [partsOf(hint), partsOf(entry)];
  for (const [i, part] of said.entries()) {
    const other = known[i]!;
    if (part === "" || other === "" || part === other) continue;
    // The feed is what its publisher says about its own addresses.
    return { location: entry, verdict: "mismatch" };
  }
  const isFiner = said.some((part, i) => part !== "" && known[i] === "");
  if (isFiner) return { location: entry, verdict: "finer" };
  const isCoarser = isNowhere(hint) ? !isNowhere(entry) : said.some((part, i) => part === "" && known[i] !== "");
  return { location: hint, verdict: isCoarser ? "coarser" : "equal" };
}

/** In a form in which the same city of the hint and the feed is equal. */
const partsOf = ({ country, region, city }: GeoLocation): readonly string[] => [
  country || region.slice(0, 2),
  region,
  city.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase(),
];
