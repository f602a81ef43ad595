/** A relay of live media in a configuration. */

import * as v from "valibot";
import type { LiveAuthorize } from "../live/options.ts";
import type { LiveTokenOptions } from "../live/tokens.ts";
import { either, list, type Members, section } from "./section.ts";
import type { LiveAction } from "./types.ts";
import { DURATION, flag, hook, number, SIZE, text } from "./values.ts";

const TOKENS = section("LiveTokenOptions", {
  keyFile: text("a file with a JWK, a JWK set or a public key as PEM"),
  audience: v.optional(text("the aud of tokens")),
} satisfies Members<LiveTokenOptions>);

export const LIVE = either("true, or an object", [
  v.pipe(
    v.literal(true),
    v.transform(() => ({})),
  ),
  v.pipe(
    section("LiveAction", {
      cacheBytes: v.optional(SIZE),
      trackBytes: v.optional(SIZE),
      cacheAge: v.optional(DURATION),
      maxLatency: v.optional(DURATION),
      linger: v.optional(DURATION),
      absence: v.optional(DURATION),
      maxRendezvous: v.optional(DURATION),
      maxTracks: v.optional(number()),
      maxViews: v.optional(number()),
      maxViewsPerPeer: v.optional(number()),
      maxNamesPerPeer: v.optional(number()),
      maxSessions: v.optional(number()),
      origins: v.optional(list(text("an origin"), "a list of origins")),
      tokens: v.optional(TOKENS),
      authorize: v.optional(hook<LiveAuthorize>()),
      page: v.optional(flag()),
    } satisfies Members<LiveAction>),
    v.check(
      ({ tokens, authorize }) => tokens === undefined || authorize === undefined,
      "has tokens and authorize: keep one of them",
    ),
  ),
]);

/** Publishers and viewers meet in one process. */
export const liveProblem = (workers: number | "auto" | undefined): string | undefined =>
  workers === undefined || workers === 1
    ? undefined
    : "needs listen.workers: 1, since each worker would have a relay of its own";
