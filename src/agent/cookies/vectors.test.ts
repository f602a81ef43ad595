// test/vectors/cookies: what Chromium made of each case (`npm run oracle -- cookies` asks it again).
import { domainToASCII } from "node:url";
import { describe, expect, test } from "vitest";
import { fillLine, masked, type VectorCookie } from "../../../interop/oracle/cookies/fill.ts";
import { A, COOKIES, contextOf, RESPONSE_LINES, type Situation } from "../../../interop/oracle/cookies/situations.ts";
import agedVectors from "../../../test/vectors/cookies/aged-situations.json" with { type: "json" };
import differences from "../../../test/vectors/cookies/rfc6265bis.json" with { type: "json" };
import setVectors from "../../../test/vectors/cookies/set.json" with { type: "json" };
import situationVectors from "../../../test/vectors/cookies/situations.json" with { type: "json" };
import { type Cookie, CookieStore, cookieString, type Profile, type Reason, type Target } from "./index.ts";

interface SetVector {
  readonly id: string;
  readonly url: string;
  readonly before?: { readonly url: string; readonly line: string };
  readonly line: string;
  readonly reasons: readonly string[];
  readonly jar: readonly VectorCookie[];
  readonly sent: string;
}

const NOW = Date.UTC(2026, 10, 27);

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
  const { protocol, hostname, pathname } = new URL(text);
  return { scheme: protocol.slice(0, -1), host: hostname, path: pathname };
}

const vectorCookie = (cookie: Cookie): VectorCookie => ({
  name: utf8(cookie.name),
  value: utf8(cookie.value),
  domain: cookie.domain,
  ...(cookie.hostOnly ? { hostOnly: true } : {}),
  path: utf8(cookie.path),
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
const utf8 = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

const sortKey = ({ name, domain, path, value }: VectorCookie): string => JSON.stringify([name, domain, path, value]);

function judgeSet(
  { url, before, line }: SetVector,
  profile: Profile = "chromium",
): {
  reasons: readonly string[];
  jar: readonly VectorCookie[];
  sent: string;
} {
  const store = new CookieStore({ profile, toAscii: (domain) => domainToASCII(utf8(domain)) });
  if (before !== undefined) store.set(before.line, targetOf(before.url), {}, NOW);
  const outcome = store.set(fillLine(line, NOW), targetOf(url), {}, NOW);
  const reasons = outcome.kind === "refused" ? outcome.reasons.filter((each) => !UNNAMED.has(each)) : [];
  const jar = [...store].map((cookie) => masked(vectorCookie(cookie), line));
  const sent = cookieString(store.get(targetOf(url), {}, NOW));
  return { reasons, jar: jar.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)), sent };
}

interface SituationVector extends Situation {
  readonly sent: string;
  readonly withheld?: Readonly<Record<string, readonly string[]>>;
  readonly stored: string;
  readonly refused?: Readonly<Record<string, readonly string[]>>;
}

/** A jar with the cookies of all situations, each set by the documents that its list names. */
function jarOfSituations(): CookieStore {
  const store = new CookieStore();
  for (const { line, documents } of COOKIES) {
    const [topLevel, ...frames] = documents;
    const context = topLevel === undefined ? {} : ({ kind: "frame", topLevel, frames } as const);
    expect(store.set(line, targetOf(`${A}/seed`), context, NOW).kind).toBe("stored");
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
function judgeSituation(store: CookieStore, vector: SituationVector, now: number): object {
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

describe(`Chromium ${setVectors.chromium}`, () => {
  const cases = setVectors.cases as unknown as readonly SetVector[];

  test(`${cases.length} Set-Cookie lines`, () => {
    const wrong = cases.flatMap((each) => {
      const { reasons, jar, sent } = judgeSet(each);
      const ours = { reasons: [...reasons].sort(), jar, sent };
      const theirs = { reasons: [...each.reasons].sort(), jar: each.jar, sent: each.sent };
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ id: each.id, line: each.line, ours, theirs }];
    });
    expect(wrong).toEqual([]);
    expect(cases.length).toBeGreaterThan(1_000);
  });

  test("differs from RFC 6265bis in the listed lines, and nowhere else", () => {
    const different = cases.filter((each) => {
      const [bis, chromium] = (["rfc6265bis", "chromium"] as const).map((profile) => judgeSet(each, profile));
      return JSON.stringify(bis) !== JSON.stringify(chromium);
    });
    const listed = differences.flatMap(({ cases }) => cases);
    expect(different.map(({ id }) => id)).toEqual(expect.arrayContaining(listed));
    expect(listed).toEqual(expect.arrayContaining(different.map(({ id }) => id)));
  });

  test.each([
    ["younger", situationVectors.cases as unknown as readonly SituationVector[], NOW + 60_000, 400],
    ["older", agedVectors.cases as unknown as readonly SituationVector[], NOW + 126_000, 200],
  ] as const)("requests with cookies %s than two minutes", (age, all, now, least) => {
    const store = jarOfSituations();
    const wrong = all.flatMap((vector) => {
      const { sent, withheld, stored, refused } = vector;
      const ours = judgeSituation(store, vector, now) as Record<string, unknown>;
      // Aged cookies were asked with responses that set none.
      const theirs = { sent, withheld, ...(age === "younger" && { stored, refused }) };
      if (age === "older") for (const name of ["stored", "refused"]) delete ours[name];
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ id: vector.id, ours, theirs }];
    });
    expect(wrong).toEqual([]);
    expect(all.length).toBeGreaterThan(least);
  });
});
