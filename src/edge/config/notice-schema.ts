/** What routes say about themselves and ask of clients: `deprecation`, `sunset`, `clientHints` and `geo`; and the action `geofeed`. */

import * as v from "valibot";
import { isToken } from "../../http/index.ts";
import { either, list, type Members, section } from "./section.ts";
import type { ClientHintsConfig, DeprecationConfig, GeoConfig, GeofeedAction, SunsetConfig } from "./types.ts";
import { DATE, DURATION, flag, show, text, URL_REFERENCE } from "./values.ts";

const dateAlone = v.pipe(
  DATE,
  v.transform((date) => ({ date })),
);

export const DEPRECATION = either("a date, or an object", [
  dateAlone,
  section("DeprecationConfig", {
    date: v.optional(DATE),
    link: v.optional(URL_REFERENCE),
    successor: v.optional(URL_REFERENCE),
  } satisfies Members<DeprecationConfig>),
]);

export const SUNSET = either("a date, or an object with date", [
  dateAlone,
  section("SunsetConfig", {
    date: DATE,
    link: v.optional(URL_REFERENCE),
    gone: v.optional(flag()),
  } satisfies Members<SunsetConfig>),
]);

const HINTS = list(
  v.pipe(
    text("a hint"),
    v.check(
      (name) => isToken(name) && /^[a-z*]/i.test(name),
      ({ input }) => `${show(input)} is not the name of a hint, such as Sec-CH-IP-Geo`,
    ),
  ),
  "a list of hints",
);

export const CLIENT_HINTS = either("a list of hints, or an object", [
  v.pipe(
    HINTS,
    v.transform((accept) => ({ accept })),
  ),
  section("ClientHintsConfig", {
    accept: v.optional(HINTS),
    critical: v.optional(HINTS),
  } satisfies Members<ClientHintsConfig>),
]);

export const GEO = either("true, false, or an object", [
  flag(),
  section("GeoConfig", {
    feed: v.optional(text("the file of a geofeed")),
    critical: v.optional(flag()),
  } satisfies Members<GeoConfig>),
]);

export const GEOFEED = either("the file of a geofeed, or an object with file", [
  v.pipe(
    text("the file of a geofeed"),
    v.transform((file) => ({ file })),
  ),
  section("GeofeedAction", {
    file: text("the file of a geofeed"),
    maxAge: v.optional(DURATION),
  } satisfies Members<GeofeedAction>),
]);

/** Why the two contradict each other (RFC 9745 §4); undefined if they do not. */
export function noticeProblem(
  deprecation: { readonly date?: number | undefined } | undefined,
  sunset: { readonly date: number } | undefined,
): string | undefined {
  if (deprecation?.date === undefined || sunset === undefined || sunset.date >= deprecation.date) return undefined;
  return "sunset is before deprecation: what ends was deprecated at the latest when it ended";
}
