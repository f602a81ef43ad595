// What the vectors of Chromium do not show: reasons, reports of COOP, values of 2019, and input of every kind.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import {
  documentOf,
  type Fields,
  fullOriginOf,
  type IsolationDocument,
  judgeFrame,
  judgeIsolation,
  judgeNavigation,
  judgePopup,
  judgeResource,
  keepsOpener2019,
  legacyAdvice,
  originText,
  parseCoop2019,
  readPolicies,
} from "./index.ts";

const A = fullOriginOf("https://site-a.test/")!;
const page = (host: string, ...fields: Fields): IsolationDocument => documentOf({ url: `https://${host}/`, fields });
const coop = (value: string): Fields[number] => ["Cross-Origin-Opener-Policy", value];
const coep = (value: string): Fields[number] => ["Cross-Origin-Embedder-Policy", value];

describe("a header that browsers ignore has a reason", () => {
  test.each<[Fields, string, string | undefined]>([
    [[coop("same-origin"), coop("same-origin")], "it stands on 2 lines, and browsers accept one", undefined],
    [[coop("same-origin, same-origin")], "it is a list, and browsers accept one value", undefined],
    [[coop('"same-origin"')], "it is a quoted string; remove the quotes", undefined],
    [[coop("\u0000=)(")], "it is not a structured field", undefined],
    [[coop("")], "it is empty", undefined],
    [[coop("Same-Origin")], "values are in lower case: same-origin", undefined],
    [[coop("same-origin  unsafe-allow-outgoing")], "it is not a structured field", "same-origin-allow-popups"],
    [[coep("require-corp;a=@1")], "browsers do not know its dates and display strings (RFC 9651)", undefined],
    [
      [["cross-origin-resource-policy", "cross-site"]],
      "the whole value must be same-origin, same-site, cross-origin",
      "cross-origin",
    ],
    [[["connection-allowlist", "(https"]], "it is not a structured field", undefined],
    [
      [["connection-allowlist", '("wss://a.test")']],
      '"wss://a.test" never matches: browsers compare WebSockets as http and https',
      undefined,
    ],
  ])("%j: %s", (fields, problem, write) => {
    const { problems } = readPolicies(fields, A);
    expect(problems[0]).toMatchObject({ problem, ...(write && { write }) });
  });

  test("also outside a secure context", () => {
    const { coop: policy, problems } = readPolicies([coop("same-origin")], fullOriginOf("http://site-a.test"));
    expect([policy.value, problems[0]?.problem]).toEqual([
      "unsafe-none",
      "the page is not a secure context; use https",
    ]);
  });
});

test("any bytes are judged, and nothing throws", () => {
  const line = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'()";=, :?@%*\tab1-') }));
  const name = fc.constantFrom(
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "document-isolation-policy",
    "cross-origin-resource-policy",
    "connection-allowlist",
    "reporting-endpoints",
    "permissions-policy",
  );
  const url = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "data:,x",
      "blob:null/1",
      "about:srcdoc",
      "https://",
      "blob:https://a.test/1",
      "https://a.test:99999999/",
      "javascript:1",
    ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, line), { maxLength: 6 }), url, url, (fields, at, to) => {
      const document = documentOf({ url: at, fields });
      const inner = judgeFrame(document, { url: to, fields });
      judgeIsolation(document, [{ document: inner.document }]);
      judgeResource(document, { url: to, corp: undefined });
      judgePopup({ topLevel: document }, [inner.document]);
      for (const { problem } of document.policies.problems) expect(problem).not.toBe("");
    }),
    { numRuns: runs(300) },
  );
});

test("origins have ports, and opaque ones have none", () => {
  const texts = [
    "https://a.test/",
    "https://a.test:8443/x",
    "http://[::1]:80/",
    "blob:https://a.test:1/u",
    "data:,",
    "blob:null/1",
  ];
  expect(texts.map((each) => originText(fullOriginOf(each)))).toEqual([
    "https://a.test",
    "https://a.test:8443",
    "http://[::1]",
    "https://a.test:1",
    "null",
    "null",
  ]);
});

test("local documents take over their creator's policies; data: has no origin", () => {
  const parent = page("site-a.test", coop("same-origin"), coep("require-corp"));
  const image = { url: "https://site-b.test/x.png", corp: undefined };
  for (const url of ["about:srcdoc", "about:blank", "blob:https://site-a.test/1", "data:text/html,"]) {
    const { blocked, document } = judgeFrame(parent, { url });
    expect([url, blocked]).toEqual([url, undefined]);
    expect(judgeResource(document, image).blocked).toContain("defaulted");
    expect(judgeIsolation(parent, [{ document }]).isolated).toBe(!url.startsWith("data:"));
  }
});

test("a window of a sandbox cannot show a page with COOP", () => {
  const topLevel = page("site-a.test");
  const verdict = judgePopup({ topLevel, isSandboxed: true }, [page("site-b.test", coop("same-origin"))]);
  expect(verdict).toMatchObject({ blocked: "coop-sandboxed-iframe-cannot-navigate-to-coop-page", keepsOpener: false });
});

test("reports of COOP tell each page of the other only if it is same-origin", () => {
  const [from, to] = ["site-a.test", "site-b.test"].map((host) => page(host, coop('same-origin; report-to="e"')));
  const bodies = judgeNavigation(from!, [to!]).reports.map(({ reportTo, body }) => ({ reportTo, ...body }));
  expect(bodies).toEqual([
    {
      reportTo: "e",
      type: "navigation-to-response",
      disposition: "enforce",
      effectivePolicy: "same-origin",
      previousResponseURL: "",
    },
    {
      reportTo: "e",
      type: "navigation-from-response",
      disposition: "enforce",
      effectivePolicy: "same-origin",
      nextResponseURL: "",
    },
  ]);
});

test("a policy that only reports says when it would leave the group, and leaves it not", () => {
  const watched = page("site-a.test", ["cross-origin-opener-policy-report-only", 'same-origin; report-to="e"']);
  const verdict = judgePopup({ topLevel: page("site-b.test") }, [watched]);
  expect(verdict).toMatchObject({
    keepsOpener: true,
    reports: [{ body: { disposition: "reporting", type: "navigation-to-response" } }],
  });
});

describe("the values of 2019", () => {
  test("are explained", () => {
    expect(legacyAdvice("COOP", "same-site")?.means).toBe("unsafe-none: an unknown token");
    expect(legacyAdvice("COOP", "same-origin")).toBeUndefined();
  });
  test("count only if asked for", () => {
    const fields = [coop("same-origin unsafe-allow-outgoing"), ["Cross-Origin-Resource-Policy", "cross-site"]] as const;
    const [today, then] = [readPolicies(fields, A), readPolicies(fields, A, { legacy2019: true })];
    expect([today.coop.value, today.corp, today.problems.length]).toEqual(["unsafe-none", undefined, 2]);
    expect([then.coop.value, then.corp, then.problems.length]).toEqual(["same-origin-allow-popups", "cross-origin", 0]);
  });
  test.each([
    ["same-site", "sub.site-a.test", "same-site", true],
    ["same-site", "site-b.test", "same-site", false],
    ["same-origin", "sub.site-a.test", "same-origin", false],
    ["same-origin unsafe-allow-outgoing", "site-b.test", "", true],
    ["same-origin", "site-b.test", "", false],
    ["", "site-b.test", "", true],
  ])("%s opens %s with %j: the opener stays: %s", (opener, host, popup, keeps) => {
    const side = (name: string, value: string) => ({
      origin: fullOriginOf(`https://${name}/`),
      coop: parseCoop2019(value),
    });
    expect(keepsOpener2019(side("site-a.test", opener), side(host, popup))).toBe(keeps);
  });
});
