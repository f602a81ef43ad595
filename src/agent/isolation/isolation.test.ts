// The tables that Chromium 156 was measured to follow: header values, resources, frames, popups.
import { describe, expect, test } from "vitest";
import {
  type CoepValue,
  type CoopValue,
  type CorpValue,
  coepOf,
  coopOf,
  corpCheck,
  corpOf,
  type FullOrigin,
  frameCheck,
  isIsolated,
  legacyAdvice,
  openerPolicy,
  switchesGroup,
} from "./index.ts";

const origin = (host: string, scheme = "https"): FullOrigin => ({ scheme, host, port: scheme === "https" ? 443 : 80 });
const A = origin("site-a.test");
const RELATIONS = { "same-origin": A, "same-site": origin("sub.site-a.test"), "cross-site": origin("site-b.test") };

describe("a header", () => {
  test.each([
    " same-origin",
    "same-origin ",
    "\tsame-origin\t",
    "same-origin; foo=bar",
    "same-origin;same-origin",
    'same-origin; report-to="x"',
  ])("%j is same-origin", (value) => {
    expect(coopOf([value], A).value).toBe("same-origin");
  });
  test.each([
    "same-origin;",
    "same-origin ;foo=bar",
    "same-origin;\tfoo=bar",
    "same-origin; foo=bar;",
    '"same-origin"',
    "Same-origin",
    "same-origin,same-origin",
    "?1",
    "same-origin same-origin",
    "",
    "same-origin-plus-COEP",
  ])("%j is no policy", (value) => {
    expect(coopOf([value], A).value).toBe("unsafe-none");
  });
  test("on two lines, or without a secure context, is no policy; loopback is secure", () => {
    expect(coepOf(["require-corp", "require-corp"], A).value).toBe("unsafe-none");
    expect(coepOf(["require-corp"], origin("site-a.test", "http")).value).toBe("unsafe-none");
    expect(coepOf(["require-corp"], origin("localhost", "http")).value).toBe("require-corp");
  });
  test("names its endpoint by a string; anything else is ignored", () => {
    expect(coepOf(['credentialless;report-to="a\\"b"'], A)).toEqual({ value: "credentialless", reportTo: 'a"b' });
    expect(coepOf(["credentialless;report-to=a"], A)).toEqual({ value: "credentialless", reportTo: undefined });
  });
  test("of 2019 is explained", () => {
    expect(legacyAdvice("COOP", "same-origin  unsafe-allow-outgoing")?.write).toBe("same-origin-allow-popups");
    expect(legacyAdvice("CORP", "cross-site")?.write).toBe("cross-origin");
    expect(legacyAdvice("COOP", "same-origin")).toBeUndefined();
  });
});

/** Three letters for same-origin, same-site, cross-site: l loads, b is blocked, d is blocked because COEP has a default. */
test.each<[CoepValue, string, string]>([
  ["unsafe-none", "", "lll"],
  ["unsafe-none", "Same-Origin", "lll"],
  ["unsafe-none", "same-origin", "lbb"],
  ["unsafe-none", "same-site", "llb"],
  ["unsafe-none", "cross-origin", "lll"],
  ["require-corp", "", "ldd"],
  ["require-corp", "same-origin, same-origin", "ldd"],
  ["require-corp", "same-origin", "lbb"],
  ["require-corp", "same-site", "llb"],
  ["require-corp", "cross-origin", "lll"],
  ["credentialless", "", "lll"],
  ["credentialless", "same-origin", "lbb"],
  ["credentialless", "same-site", "llb"],
])("an image under COEP %s with CORP %j: %s", (coep, corp, expected) => {
  const verdicts = Object.values(RELATIONS).map((target) => {
    const credentials = coep !== "credentialless";
    const reason = corpCheck({ origin: A, coep, target, corp: corpOf([corp]), credentials });
    return reason === undefined ? "l" : reason.includes("defaulted") ? "d" : "b";
  });
  expect(verdicts.join("")).toBe(expected);
});

test("CORP same-site does not let http have what is of https", () => {
  const ask = (from: string, to: string): unknown =>
    corpCheck({
      origin: origin("site-a.test", from),
      coep: "unsafe-none",
      target: origin("sub.site-a.test", to),
      corp: "same-site",
      credentials: true,
    });
  expect([ask("http", "https"), ask("https", "http"), ask("http", "http")]).toEqual([
    "corp-not-same-site",
    undefined,
    undefined,
  ]);
});

const NEEDS = "coep-frame-resource-needs-coep-header";
const DEFAULTED = "corp-not-same-origin-after-defaulted-to-same-origin-by-coep";
test.each<[CoepValue, CoepValue, CorpValue | undefined, keyof typeof RELATIONS, string | undefined]>([
  ["require-corp", "unsafe-none", undefined, "cross-site", DEFAULTED],
  ["require-corp", "unsafe-none", "cross-origin", "cross-site", NEEDS],
  ["require-corp", "require-corp", undefined, "cross-site", DEFAULTED],
  ["require-corp", "credentialless", "cross-origin", "cross-site", undefined],
  ["require-corp", "require-corp", "same-site", "same-site", undefined],
  ["require-corp", "unsafe-none", undefined, "same-origin", NEEDS],
  ["require-corp", "require-corp", undefined, "same-origin", undefined],
  ["credentialless", "credentialless", undefined, "cross-site", DEFAULTED],
  ["credentialless", "credentialless", "cross-origin", "cross-site", undefined],
  ["unsafe-none", "unsafe-none", "same-origin", "cross-site", undefined],
])("a frame under COEP %s with COEP %s and CORP %s, %s: %s", (parent, coep, corp, relation, reason) => {
  expect(frameCheck({ origin: A, coep: parent }, { target: RELATIONS[relation], coep, corp })).toBe(reason);
});

/** Popups without COOP, same-origin-allow-popups, same-origin, noopener-allow-popups, same-origin with COEP: k keeps the opener, s if same-origin. */
test.each<[CoopValue, CoepValue, string]>([
  ["unsafe-none", "unsafe-none", "k----"],
  ["same-origin-allow-popups", "unsafe-none", "ks---"],
  ["same-origin", "unsafe-none", "--s--"],
  ["noopener-allow-popups", "unsafe-none", "k----"],
  ["same-origin", "require-corp", "----s"],
])("a page with COOP %s and COEP %s opens popups: %s", (coop, coep, expected) => {
  const popups = (
    [
      "unsafe-none",
      "same-origin-allow-popups",
      "same-origin",
      "noopener-allow-popups",
      "same-origin-plus-COEP",
    ] as const
  ).map((policy) => {
    const keeps = (target: FullOrigin): boolean =>
      !switchesGroup({ origin: A, policy: openerPolicy(coop, coep) }, { origin: target, policy }, true);
    expect(keeps(RELATIONS["same-site"])).toBe(keeps(RELATIONS["cross-site"]));
    return keeps(RELATIONS["cross-site"]) ? "k" : keeps(A) ? "s" : "-";
  });
  expect(popups.join("")).toBe(expected);
});

test("a plain navigation between noopener-allow-popups pages of one origin stays", () => {
  const page = { origin: A, policy: "noopener-allow-popups" } as const;
  expect([switchesGroup(page, page, false), switchesGroup(page, page, true)]).toEqual([false, true]);
});

test.each<[CoopValue, CoepValue, boolean]>([
  ["same-origin", "require-corp", true],
  ["same-origin", "credentialless", true],
  ["same-origin", "unsafe-none", false],
  ["same-origin-allow-popups", "require-corp", false],
  ["noopener-allow-popups", "require-corp", false],
  ["unsafe-none", "require-corp", false],
])("COOP %s with COEP %s isolates: %s", (coop, coep, isolated) => expect(isIsolated(coop, coep)).toBe(isolated));
