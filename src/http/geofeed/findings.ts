/** What is wrong with a geofeed, line by line. */

/** The kinds of findings, with their severity and what to do. */
export const GEOFEED_FINDINGS = {
  "prefix-missing": ["error", "the first field is empty: give an address or prefix"],
  "prefix-invalid": ["error", "is not an address or prefix"],
  "prefix-length": ["error", "has a length that its address does not have: at most 32 for IPv4, 128 for IPv6"],
  "host-bits": ["error", "has bits set after its length: clear them, or give the address alone"],
  private: ["error", "is private: such addresses are elsewhere in every network"],
  duplicate: ["error", "repeats the prefix of an earlier line: keep one of them"],
  country: ["error", "is not a country of two letters (ISO 3166-1)"],
  region: ["error", "is not a region such as US-AL (ISO 3166-2)"],
  "region-country": ["error", "lies in another country than the country field says"],
  city: ["error", "is not a city: it has control characters"],
  quotes: ["error", "has a quoted field without an end"],
  "field-count": ["warning", "has not five fields: prefix, country, region, city and an empty postal code"],
  "postal-code": ["warning", "has a postal code, which may identify people: leave it empty (RFC 8805 §2.1.1.5)"],
  unassigned: ["warning", "is not a country that ISO 3166-1 lists"],
  encoding: ["error", "is not UTF-8: save the file as UTF-8"],
  "line-length": ["error", "is longer than lines of a feed can be; it is skipped"],
  limit: [
    "warning",
    "and later ones are checked, but neither kept nor compared with others: the feed has too many entries",
  ],
} as const satisfies Readonly<Record<string, readonly ["error" | "warning", string]>>;

/** A kind of finding. */
export type GeofeedFindingCode = keyof typeof GEOFEED_FINDINGS;

/** Something wrong in one line. */
export interface GeofeedFinding {
  /** Counts from 1. */
  readonly line: number;
  readonly severity: "error" | "warning";
  readonly code: GeofeedFindingCode;
  /** What is wrong, and what to do. */
  readonly message: string;
}
