/** `deprecation` and `sunset` of a route. */

import * as v from "valibot";
import { either, type Members, section } from "./section.ts";
import type { DeprecationConfig, SunsetConfig } from "./types.ts";
import { DATE, flag, URL_REFERENCE } from "./values.ts";

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

/** Why the two contradict each other (RFC 9745 §4); undefined if they do not. */
export function noticeProblem(
  deprecation: { readonly date?: number | undefined } | undefined,
  sunset: { readonly date: number } | undefined,
): string | undefined {
  if (deprecation?.date === undefined || sunset === undefined || sunset.date >= deprecation.date) return undefined;
  return "sunset is before deprecation: what ends was deprecated at the latest when it ended";
}
