// Every finding, from the smallest facts that lead to it; docs/audit.md lists them all.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import {
  type AuditDocument,
  type AuditFacts,
  type AuditResource,
  FINDINGS,
  type FindingId,
  judgeAudit,
  reaches,
} from "./index.ts";

const NOW = Date.UTC(2026, 10, 27);
const DAY = 86_400_000;
const PAGE = "https://site-a.test/";
const CDN = "https://site-b.test/x";
type Pairs = readonly (readonly [string, string])[];
const HSTS: Pairs = [["strict-transport-security", "max-age=31536000"]];
const ISOLATED: Pairs = [
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-embedder-policy", "require-corp"],
];

const hop = (url: string, fields: Pairs = [], status = 200) => ({ url, status, fields });
const response = (url: string, fields: Pairs = [], more = {}) => ({
  ...hop(url, fields),
  protocol: "h2",
  contentBytes: 0,
  redirects: [],
  ...more,
});
const document = (fields: Pairs = [], more: Partial<AuditDocument> = {}): AuditDocument => ({
  url: PAGE,
  parent: undefined,
  isAllowed: false,
  credentialless: false,
  isSandboxed: false,
  response: response(PAGE, [...HSTS, ...fields]),
  ...more,
});
const resource = (fields: Pairs = [], more: Partial<AuditResource> = {}): AuditResource => ({
  kind: "image",
  url: CDN,
  mode: "no-cors",
  credentials: "include",
  from: "<img>",
  isBlocking: false,
  document: 0,
  response: response(CDN, [["etag", "1"], ...fields]),
  ...more,
});
const facts = (more: Partial<AuditFacts> = {}): AuditFacts => ({
  url: PAGE,
  now: NOW,
  documents: [document()],
  resources: [],
  limits: [],
  ...more,
});
const page = (fields: Pairs, more: Partial<AuditFacts> = {}): AuditFacts =>
  facts({ documents: [document(fields)], ...more });
const loads = (fields: Pairs, more: Partial<AuditResource> = {}): AuditFacts =>
  facts({ resources: [resource(fields, more)] });
const certificate = (left: number) => ({
  subject: "CN=a",
  issuer: "CN=b",
  notBefore: NOW - 60 * DAY,
  notAfter: NOW + left,
  key: "EC P-256",
});
const tls = (more = {}) =>
  facts({ tls: { version: "TLS 1.3", cipher: "X", alpn: "h2", chain: [certificate(60 * DAY)], ...more } });
const alt: Pairs = [["alt-svc", 'h3=":443"; ma=60']];
const failure = { code: "CONNECT_TIMEOUT", message: "no answer" };

/** The finding's headers, where it advises some. */
const CASES: readonly (readonly [FindingId, AuditFacts, ...(readonly string[])])[] = [
  ["isolation/isolated", page(ISOLATED)],
  [
    "isolation/not-isolated",
    facts(),
    "cross-origin-opener-policy: same-origin",
    "cross-origin-embedder-policy: require-corp",
  ],
  ["isolation/blocked", page(ISOLATED, { resources: [resource()] }), "cross-origin-resource-policy: cross-origin"],
  ["isolation/would-block", loads([]), "cross-origin-resource-policy: cross-origin"],
  ["isolation/connection-blocked", page([["connection-allowlist", "(response-origin)"]], { resources: [resource()] })],
  ["isolation/ignored-header", page([["cross-origin-embedder-policy", '"require-corp"']])],
  [
    "isolation/legacy-2019",
    page([["cross-origin-opener-policy", "same-site"]]),
    "cross-origin-opener-policy: same-origin",
  ],
  ["isolation/report-endpoint", page([["cross-origin-opener-policy", 'same-origin; report-to="x"']])],
  ["popups/severed", page(ISOLATED)],
  ["embedding/refused", page([["x-frame-options", "DENY"]], { embedder: { url: "https://site-c.test/", fields: [] } })],
  ["cookies/refused", page([["set-cookie", "a=1; SameSite=None"]])],
  ["cookies/not-third-party", page([["set-cookie", "a=1"]])],
  ["cookies/fate", page([["set-cookie", "a=1"]])],
  ["cookies/warning", page([["set-cookie", "a=1; max-age=99999999"]])],
  ["http3/used", page(alt, { http3: { works: true } })],
  ["http3/not-advertised", facts({ http3: { works: true, inDns: false } }), 'alt-svc: h3=":443"; ma=86400'],
  ["http3/fails", page(alt, { http3: { works: false, failure } })],
  ["http3/missing", facts({ http3: { works: false, failure } })],
  ["tls/facts", tls()],
  ["tls/untrusted", tls({ problem: "expired" })],
  ["tls/expires-soon", tls({ chain: [certificate(3 * DAY)] })],
  ["tls/old-version", tls({ version: "TLS 1.2" })],
  ["http/plain", facts({ plain: hop("http://site-a.test/") })],
  [
    "hsts/missing",
    facts({ documents: [document([], { response: response(PAGE) })] }),
    "strict-transport-security: max-age=31536000; includeSubDomains",
  ],
  [
    "hsts/short",
    facts({ documents: [document([], { response: response(PAGE, [["strict-transport-security", "max-age=60"]]) })] }),
    "strict-transport-security: max-age=31536000; includeSubDomains",
  ],
  ["site-data/clears", page([["clear-site-data", '"cache", "cookies"']])],
  ["site-data/ignored", page([["clear-site-data", "cookies"]]), 'clear-site-data: "cookies"'],
  [
    "site-data/undone",
    page([
      ["set-cookie", "a=1"],
      ["clear-site-data", '"*"'],
    ]),
  ],
  ["load/failed", loads([], { response: { ...response(CDN), status: 404 } })],
  [
    "load/cors",
    loads([], { mode: "cors" }),
    "access-control-allow-origin: https://site-a.test",
    "access-control-allow-credentials: true",
  ],
  ["load/mixed", loads([], { url: "http://site-b.test/x" })],
  ["load/redirects", loads([], { response: response(CDN, [["etag", "1"]], { redirects: [hop(PAGE, [], 302)] }) })],
  ["load/limits", facts({ limits: ["of the frames, only 20 were loaded"] })],
  [
    "compression/missing",
    loads([], { response: response(CDN, [["content-type", "text/css"]], { contentBytes: 2_000 }) }),
  ],
  ["caching/no-policy", loads([], { response: response(CDN) })],
  ["deprecation/deprecated", page([["deprecation", "@1688169599"]])],
  ["deprecation/invalid", page([["deprecation", "true"]])],
  ["deprecation/sunset", page([["sunset", "Sat, 31 Dec 2026 23:59:59 GMT"]])],
  ["priority/invalid", loads([["priority", "u=9"]])],
  ["priority/clash", loads([["priority", "u=5"]], { kind: "style", isBlocking: true }), "priority: u=1"],
];

test.each(CASES.map(([id, given, ...headers]) => ({ id, given, headers })))("$id", ({ id, given, headers }) => {
  const found = judgeAudit(given).filter((each) => each.id === id);
  expect(found).not.toEqual([]);
  expect(found[0]!.severity).toBe(FINDINGS[id][0]);
  const advised = (found[0]!.headers ?? []).map(({ header, value }) => `${header.toLowerCase()}: ${value}`);
  expect(advised).toEqual(headers);
});

test("a page in order has none of the bad ones", () => {
  const good = page([...ISOLATED, ...alt, ["set-cookie", "__Host-id=1; Secure; Path=/; SameSite=None; Partitioned"]], {
    http3: { works: true },
    resources: [resource([["cross-origin-resource-policy", "cross-origin"]])],
  });
  expect(judgeAudit(good).filter(({ severity }) => severity !== "info")).toEqual([]);
  expect([reaches(judgeAudit(good), "info"), reaches(judgeAudit(good), "warning")]).toEqual([true, false]);
});

describe("the list of findings", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../docs/audit.md"), "utf8");
  test("in docs/audit.md is that of the code", () => {
    const listed = [...text.matchAll(/^\| `([\w-]+\/[\w-]+)` \| (\w+) \| (.+) \|$/gm)].map(
      ([, id, severity, about]) => [id, severity, about],
    );
    expect(listed).toEqual(Object.entries(FINDINGS).map(([id, [severity, about]]) => [id, severity, about]));
  });
  test("has a case each", () => {
    expect(CASES.map(([id]) => id).sort()).toEqual(Object.keys(FINDINGS).sort());
  });
});

test("the severity of a certificate's end depends on its lifetime", () => {
  const short = { ...certificate(2 * DAY), notBefore: NOW - 4 * DAY };
  expect(judgeAudit(tls({ chain: [short] })).some(({ id }) => id === "tls/expires-soon")).toBe(false);
});

describe("frame-ancestors", () => {
  test.each<[policies: string[], embedder: string, allowed: boolean]>([
    [["*.shop.example"], "https://www.shop.example/", true],
    [["*.shop.example"], "https://shop.example/", false],
    [["https:"], "https://shop.example/", true],
    [["https:"], "http://shop.example/", false],
    [["http:"], "https://shop.example/", true],
    [["https://my-shop.example"], "https://shop.example/", false],
    [["HTTPS://Shop.example/"], "https://shop.example/", true],
    [["http://shop.example"], "https://shop.example/", true],
    [["shop.example"], "http://shop.example/", false],
    [["'none'"], "https://one/", false],
    [[""], "https://shop.example/", false],
    [["*"], "https://shop.example:8443/", true],
    [["https://shop.example"], "https://shop.example:8443/", false],
    [["https://shop.example:*"], "https://shop.example:8443/", true],
    [["shop.example:8443"], "https://shop.example:8443/", true],
    [["shop.example:844"], "https://shop.example:8443/", false],
    [["http://shop.example:80"], "https://shop.example/", true],
    [["shop.example:80"], "https://shop.example/", false],
    [["https://shop.example/path"], "https://shop.example/", false],
    [["https://*"], "https://shop.example/", true],
    [["https://*"], "https://shop.example:8443/", false],
    [["*:8443"], "https://shop.example:8443/", true],
    [["'self'"], "https://site-a.test/", true],
    [["'self'"], "https://site-a.test:8443/", false],
    [["'self' https://a.example  https://shop.example"], "https://shop.example/", true],
    [["https://shop.example", "https:"], "https://shop.example/", true],
    [["https://shop.example", "'self'"], "https://shop.example/", false],
  ])("%j with %s", (policies, url, allowed) => {
    const lines = policies.map(
      (each) => ["Content-Security-Policy", `default-src 'self'; Frame-Ancestors ${each}; img-src *`] as const,
    );
    // Where there is frame-ancestors, it does not count.
    const fields = [...lines, ["x-frame-options", "DENY"] as const];
    const embedder = { url, fields: [] };
    const found = (each: Pairs) =>
      judgeAudit(page(each, { embedder })).filter(({ id }) => id === "embedding/refused").length;
    expect(found(fields)).toBe(allowed ? 0 : 1);
    const joined = lines.map(([, value]) => value).join(", ");
    expect(found([["content-security-policy", joined]])).toBe(allowed ? 0 : 1);
  });
});

test.each<[values: string[], embedder: string, allowed: boolean]>([
  [["DENY"], "https://site-a.test/", false],
  [["SameOrigin"], "https://site-a.test/", true],
  [["SAMEORIGIN"], "https://shop.example/", false],
  [["SAMEORIGIN", "sameorigin"], "https://site-a.test/", true],
  [["SAMEORIGIN", "DENY"], "https://site-a.test/", false],
  [["SAMEORIGIN, ALLOWALL"], "https://site-a.test/", false],
  [["ALLOWALL"], "https://shop.example/", true],
  [["ALLOW-FROM https://shop.example"], "https://other.example/", true],
])("X-Frame-Options %j with %s", (values, url, allowed) => {
  const fields = values.map((each) => ["X-Frame-Options", each] as const);
  const found = judgeAudit(page(fields, { embedder: { url, fields: [] } }));
  expect(found.some(({ id }) => id === "embedding/refused")).toBe(!allowed);
});

describe("CORS", () => {
  const local = { response: undefined, parent: 0 } as unknown as Partial<AuditDocument>;
  const FRAMES: readonly AuditDocument[] = [
    document(),
    document([], { ...local, url: "about:srcdoc" }),
    document([], { ...local, url: "about:srcdoc", parent: 1 }),
    document([], { ...local, url: "about:srcdoc", isSandboxed: true }),
    document([], { ...local, url: "data:text/html,x" }),
    document([], { parent: 3, response: response(PAGE) }),
  ];
  const OWN = "https://site-a.test/f.woff2";
  const judge = (frame: number, url: string, fields: Pairs, credentials: "include" | "same-origin" = "same-origin") =>
    judgeAudit(
      facts({
        documents: FRAMES,
        resources: [
          resource([], {
            kind: "font",
            mode: "cors",
            credentials,
            url,
            document: frame,
            response: response(url, fields),
          }),
        ],
      }),
    ).find(({ id }) => id === "load/cors");
  const allow = (origin: string, credentials?: string): Pairs => [
    ["Access-Control-Allow-Origin", origin],
    ...(credentials === undefined ? [] : [["Access-Control-Allow-Credentials", credentials] as const]),
  ];

  test.each([0, 1, 2])("document %i has the page's origin", (frame) => {
    expect(judge(frame, OWN, [])).toBeUndefined();
    expect(judge(frame, CDN, allow("https://site-a.test"))).toBeUndefined();
    expect(judge(frame, CDN, allow("null"))?.headers).toEqual([
      { url: CDN, header: "Access-Control-Allow-Origin", value: "https://site-a.test" },
    ]);
  });

  test.each([3, 4, 5])("document %i has an opaque origin, which no advice lets in", (frame) => {
    const refused = judge(frame, OWN, allow("https://site-a.test"));
    expect(refused?.message).toContain("it allows https://site-a.test only");
    expect([refused?.headers, refused?.fix]).toEqual([undefined, expect.stringContaining("an origin")]);
    expect(refused?.fix).not.toContain("Access-Control");
    expect([judge(frame, OWN, allow("*")), judge(frame, OWN, allow("null"))]).toEqual([undefined, undefined]);
  });

  test.each<[Pairs, string | undefined, string[]]>([
    [allow("https://site-a.test", "true"), undefined, []],
    [allow("https://site-a.test"), "it has no Access-Control-Allow-Credentials: true", ["Credentials: true"]],
    [allow("https://site-a.test", "TRUE"), "it has no Access-Control-Allow-Credentials: true", ["Credentials: true"]],
    [allow("*", "true"), "* does not count", ["Origin: https://site-a.test"]],
    [allow("*"), "* does not count", ["Origin: https://site-a.test", "Credentials: true"]],
  ])("with credentials, %j", (fields, why, headers) => {
    const found = judge(0, CDN, fields, "include");
    expect(found?.message.split(" is refused: ")[1]).toEqual(why && expect.stringContaining(why));
    const advised = (found?.headers ?? []).map(({ header, value }) => `${header}: ${value}`);
    expect(advised).toEqual(headers.map((each) => `Access-Control-Allow-${each}`));
  });

  test.each<[hops: [url: string, fields: Pairs][], last: string, fields: Pairs, refused: string | undefined]>([
    [[[OWN, []]], CDN, allow("https://site-a.test"), undefined],
    [[[CDN, allow("*")]], OWN, [], OWN],
    [[[CDN, allow("*")]], `${CDN}?2`, allow("https://site-a.test"), undefined],
    [[[CDN, allow("*")]], "https://c.test/", allow("https://site-a.test"), "https://c.test/"],
    [[[CDN, allow("*")]], "https://c.test/", allow("null"), undefined],
    [[[CDN, []]], "https://c.test/", allow("*"), CDN],
  ])("over redirects %j to %s with %j", (hops, last, fields, refused) => {
    const redirects = hops.map(([url, each]) => hop(url, each, 302));
    const found = judgeAudit(
      loads([], { mode: "cors", credentials: "same-origin", response: response(last, fields, { redirects }) }),
    ).find(({ id }) => id === "load/cors");
    expect(found?.url).toBe(refused);
    expect(found?.headers?.some(({ value }) => value === "null") ?? false).toBe(false);
    if (refused === "https://c.test/") expect(found?.fix).toContain("link to https://c.test/ itself");
  });

  test("a frame without a response sets the cookies of its parent's site", () => {
    const fields: Pairs = [["set-cookie", "a=1; max-age=99999999"]];
    const judgeCookie = (frame: number) =>
      judgeAudit(
        facts({
          documents: FRAMES,
          resources: [resource([], { url: OWN, document: frame, response: response(OWN, fields) })],
        }),
      ).some(({ id }) => id === "cookies/warning");
    expect([judgeCookie(1), judgeCookie(3)]).toEqual([true, false]);
  });
});

test("of many cookies, some are judged, and the rest is mentioned", () => {
  const lines: Pairs = Array.from({ length: 201 }, (_, index) => ["set-cookie", `c${index}=1`]);
  const found = judgeAudit(page(lines)).find(({ id }) => id === "load/limits");
  expect(found?.message).toBe("of 201 cookies, only 200 were looked at");
});

test("what is in a blocked frame is not judged", () => {
  const frame = document([], { url: CDN, parent: 0, response: response(CDN) });
  const found = judgeAudit(
    page(ISOLATED, {
      documents: [document(ISOLATED), frame],
      resources: [resource([], { document: 1, url: "https://site-c.test/" })],
    }),
  );
  expect(found.filter(({ id }) => id === "isolation/blocked").map(({ url }) => url)).toEqual([CDN]);
});

test("fields of any bytes are judged, and nothing throws", () => {
  const names = [
    "set-cookie",
    "alt-svc",
    "priority",
    "sunset",
    "deprecation",
    "strict-transport-security",
    "content-type",
    "x-frame-options",
    "content-security-policy",
    "access-control-allow-origin",
    ...ISOLATED.map(([name]) => name),
  ];
  const line = fc.tuple(fc.constantFrom(...names), fc.oneof(fc.string(), fc.string({ unit: "binary" })));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), fc.string(), (fields, url) => {
      const odd = resource(fields, { mode: "cors", response: response(url, fields) });
      judgeAudit(page(fields, { resources: [odd], embedder: { url, fields }, http3: { works: false } }));
    }),
    { numRuns: runs(60) },
  );
});

describe("Clear-Site-Data", () => {
  const all: Pairs = [["Clear-Site-Data", '"*"']];
  test.each<[AuditFacts, FindingId, string]>([
    [page([["clear-site-data", '"cookies", Cache']]), "site-data/clears", "cookies go in all of https://site-a.test"],
    [page([["clear-site-data", '"cookies", Cache']]), "site-data/ignored", "browsers ignore Cache in"],
    [page([["clear-site-data", ""]]), "site-data/ignored", "browsers ignore an empty list"],
    [
      loads(all, { url: "http://b.test/", response: response("http://b.test/", all) }),
      "site-data/ignored",
      "over http",
    ],
    [loads(all, { mode: "cors", credentials: "same-origin" }), "site-data/ignored", "has no credentials"],
    [loads([], { response: response(PAGE, [], { redirects: [hop(CDN, all)] }) }), "site-data/clears", "site-b.test"],
    [page([["set-cookie", "a=1; Secure"], ...all]), "site-data/undone", "sets a, which"],
  ])("%#", (facts, id, text) => {
    const found = judgeAudit(facts).filter((each) => each.id === id);
    expect(found.map(({ message }) => message)).toEqual([expect.stringContaining(text)]);
  });
});
