/** Our rules of cookies on the recorded cases: verdicts as the vectors have them. */

import {
  type Cookie,
  CookieStore,
  cookieString,
  type Profile,
  type Reason,
  type Target,
} from "../../agent/cookies/index.ts";
import { fromUtf8, latin1 } from "../../wire/text.ts";
import { CLEAR_SEEDS, type ClearCase } from "./clear-cases.ts";
import { fillLine, masked, type VectorCookie } from "./cookie-lines.ts";
import { A, COOKIES, contextOf, RESPONSE_LINES, type Situation } from "./cookie-situations.ts";

export interface SetVector {
  readonly id: string;
  readonly url: string;
  readonly before?: { readonly url: string; readonly line: string };
  readonly line: string;
  readonly reasons: readonly string[];
  readonly jar: readonly VectorCookie[];
  readonly sent: string;
}

/** 27 November 2026. */
export const NOW = 1_795_737_600_000;

/** Reasons that the DevTools protocol has no name for: a cookie is missing, and nothing says why. */
const UNNAMED = new Set<Reason>([
  "HttpOnly",
  "NamelessWithEquals",
  "OverwriteHttpOnly",
  "InvalidPartitioned",
  "PartitionMismatch",
  "Expired",
]);

function targetOf(text: string): Target {
  const [, scheme = "", host = "", path = "/"] = /^(https?):\/\/([^/:?#]+)(?::\d+)?(\/[^?#]*)?/.exec(text) ?? [];
  // RFC 3986 §5.2.4, as far as the vectors need it.
  return { scheme, host, path: path.replace(/\/\.(?=\/)/g, "") };
}

const vectorCookie = (cookie: Cookie): VectorCookie => ({
  name: asUtf8(cookie.name),
  value: asUtf8(cookie.value),
  domain: cookie.domain,
  ...(cookie.hostOnly ? { hostOnly: true } : {}),
  path: asUtf8(cookie.path),
  ...(cookie.secure ? { secure: true } : {}),
  ...(cookie.httpOnly ? { httpOnly: true } : {}),
  ...(cookie.sameSite === "unset" ? {} : { sameSite: cookie.sameSite }),
  ...(cookie.partitionKey === undefined
    ? {}
    : {
        partition: `${cookie.partitionKey.topLevelSite}${cookie.partitionKey.hasCrossSiteAncestor ? " cross-site" : ""}`,
      }),
  ...(cookie.expires === undefined ? {} : { lives: Math.round((cookie.expires - NOW) / 5_000) * 5 }),
});

/** The protocol shows bytes as UTF-8 where they are. */
const asUtf8 = (bytes: string): string => fromUtf8(latin1(bytes));

const sortKey = ({ name, domain, path, value }: VectorCookie): string => JSON.stringify([name, domain, path, value]);

export function judgeSet(
  { url, before, line }: SetVector,
  toAscii: (domain: string) => string,
  profile: Profile = "chromium",
): {
  reasons: readonly string[];
  jar: readonly VectorCookie[];
  sent: string;
} {
  const store = new CookieStore({ profile, toAscii: (domain) => toAscii(asUtf8(domain)) });
  if (before !== undefined) store.set(before.line, targetOf(before.url), {}, NOW);
  const outcome = store.set(fillLine(line, NOW), targetOf(url), {}, NOW);
  const reasons = outcome.kind === "refused" ? outcome.reasons.filter((each) => !UNNAMED.has(each)) : [];
  const jar = [...store].map((cookie) => masked(vectorCookie(cookie), line));
  const sent = cookieString(store.get(targetOf(url), {}, NOW));
  return { reasons, jar: jar.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)), sent };
}

export interface SituationVector extends Situation {
  readonly sent: string;
  readonly withheld?: Readonly<Record<string, readonly string[]>>;
  readonly stored: string;
  readonly refused?: Readonly<Record<string, readonly string[]>>;
}

/** A jar with the cookies of all situations, each set by the documents that its list names. */
export function jarOfSituations(): CookieStore {
  const store = new CookieStore();
  for (const { line, documents } of COOKIES) {
    const [topLevel, ...frames] = documents;
    const context = topLevel === undefined ? {} : ({ kind: "frame", topLevel, frames } as const);
    const { kind } = store.set(line, targetOf(`${A}/seed`), context, NOW);
    if (kind !== "stored") throw new Error(`${line} is ${kind}`);
  }
  return store;
}

/** As the protocol shows them: sorted, without `Schemeful`, and without cookies of other partitions. */
const shown = (list: readonly (readonly [string, readonly Reason[]])[]): Record<string, string[]> =>
  Object.fromEntries(
    list
      .map(([name, reasons]) => [name, reasons.map((each) => each.replace(/^Schemeful/, "")).sort()] as const)
      .filter(([, reasons]) => reasons.length > 0 && !reasons.some((each) => UNNAMED.has(each as Reason)))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/** Returns what our rules say, in the form of the vector. */
export function judgeSituation(store: CookieStore, vector: SituationVector, now: number): object {
  const target = targetOf(`${vector.target}/dir/page`);
  const context = contextOf(vector);
  const withheld = shown(store.explain(target, context, now).map(({ cookie, reasons }) => [cookie.name, reasons]));
  const sent = store.get(target, context, now).map(({ name }) => name);
  const outcomes = RESPONSE_LINES.map((line) => {
    const outcome = new CookieStore().set(line.replace("{n}", ""), target, context, now);
    return [line.slice(0, 2), outcome.kind === "refused" ? outcome.reasons : []] as const;
  });
  return {
    sent: sent.join(" "),
    ...(vector.withheld && { withheld }),
    stored: outcomes.flatMap(([name, reasons]) => (reasons.length === 0 ? [name] : [])).join(" "),
    ...(vector.refused && { refused: shown(outcomes) }),
  };
}

export interface ClearVector extends ClearCase {
  /** The names of the cookies afterwards, sorted. */
  readonly left: string;
}

/** The names of the cookies that are left, as the vector has them. */
export function judgeClear({ page, url, credentials, via, lines, sets }: ClearVector): string {
  const store = new CookieStore();
  for (const seed of CLEAR_SEEDS) {
    const { kind } = store.set(seed.line, targetOf(seed.url), { topLevel: seed.page }, NOW);
    if (kind !== "stored") throw new Error(`${seed.line} is ${kind}`);
  }
  if (credentials !== "omit") {
    const target = targetOf(via === undefined ? url : `${via}/`);
    const context = page === undefined ? {} : { topLevel: page };
    if (sets !== undefined) store.set(sets, target, context, NOW);
    store.clearSiteData(lines.join(", "), target, context);
  }
  return [...store]
    .map(({ name }) => name)
    .sort()
    .join(" ");
}

/** The numbers of cases that our rules judge as recorded, by the names of the files of test/vectors/cookies. */
export const COOKIE_JUDGES: Readonly<
  Record<string, (cases: readonly unknown[], toAscii: (domain: string) => string) => number>
> = {
  set: (cases, toAscii) =>
    (cases as readonly SetVector[]).filter((each) => {
      const { reasons, jar, sent } = judgeSet(each, toAscii);
      return (
        JSON.stringify([[...reasons].sort(), jar, sent]) ===
        JSON.stringify([[...each.reasons].sort(), each.jar, each.sent])
      );
    }).length,
  situations: (cases) => countSituations(cases, NOW + 60_000, ["sent", "withheld", "stored", "refused"]),
  // Aged cookies were asked with responses that set none.
  "aged-situations": (cases) => countSituations(cases, NOW + 126_000, ["sent", "withheld"]),
  clear: (cases) => (cases as readonly ClearVector[]).filter((each) => judgeClear(each) === each.left).length,
};

function countSituations(cases: readonly unknown[], now: number, members: readonly string[]): number {
  const store = jarOfSituations();
  return (cases as readonly (SituationVector & Record<string, unknown>)[]).filter((vector) => {
    const ours = judgeSituation(store, vector, now) as Record<string, unknown>;
    return members.every((name) => JSON.stringify(ours[name]) === JSON.stringify(vector[name]));
  }).length;
}
