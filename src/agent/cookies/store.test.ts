// The store: order, replacement, limits and eviction, and what is left when time passes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { type CookieContext, CookieStore, cookieFromJson, cookieJson, cookieString, type Target } from "./index.ts";

const NOW = Date.UTC(2026, 10, 27);
const A: Target = { scheme: "https", host: "site-a.test", path: "/dir/page" };
const at = (host: string, path = "/", scheme = "https"): Target => ({ scheme, host, path });

function storeWith(...lines: readonly string[]): CookieStore {
  const store = new CookieStore();
  for (const [index, line] of lines.entries()) store.set(line, A, {}, NOW + index);
  return store;
}

const sent = (store: CookieStore, target = A, context: CookieContext = {}, now = NOW + 1_000): string =>
  cookieString(store.get(target, context, now));

describe("a request", () => {
  test("carries longer paths first, then older cookies", () => {
    expect(sent(storeWith("b=1; Path=/", "a=1; Path=/", "c=1; Path=/dir", "d=1; Path=/dir/page"))).toBe(
      "d=1; c=1; b=1; a=1",
    );
  });

  test("of a changed value: Chromium moves the cookie, RFC 6265bis does not", () => {
    const lines = ["b=1; Path=/", "a=1; Path=/", "b=2; Path=/", "b=2; Path=/"];
    expect(sent(storeWith(...lines))).toBe("a=1; b=2");
    const strict = new CookieStore({ profile: "rfc6265bis" });
    for (const [index, line] of lines.entries()) strict.set(line, A, {}, NOW + index);
    expect(sent(strict)).toBe("b=2; a=1");
  });

  test("carries both of a host cookie and a domain cookie with one name", () => {
    expect(sent(storeWith("a=host; Path=/", "a=domain; Path=/; Domain=site-a.test"))).toBe("a=host; a=domain");
  });

  test("carries a cookie of its partition beside one without a partition", () => {
    const store = storeWith("a=1; Path=/; Secure; SameSite=None", "a=2; Path=/; Secure; SameSite=None; Partitioned");
    expect(sent(store)).toBe("a=1; a=2");
    expect(sent(store, A, { topLevel: "https://site-b.test" })).toBe("a=1");
  });

  test("does not carry what has expired", () => {
    const store = storeWith("a=1; Max-Age=10");
    expect(sent(store, A, {}, NOW + 9_999)).toBe("a=1");
    expect(sent(store, A, {}, NOW + 10_000)).toBe("");
  });

  test("with a hop of another site among its redirects is cross-site if the rules say so", () => {
    const store = new CookieStore({ redirectChain: true });
    for (const line of ["st=1; Secure; SameSite=Strict", "la=1; Secure; SameSite=Lax"]) store.set(line, A, {}, NOW);
    const redirects = ["https://site-a.test/", "https://site-b.test/"];
    expect(sent(store, A, { kind: "top-level", initiator: "https://site-a.test", redirects })).toBe("la=1");
    expect(sent(store, A, { topLevel: "https://site-a.test", redirects })).toBe("");
  });

  test("of a third party carries partitioned cookies only, if the user blocks the others", () => {
    const store = new CookieStore({ thirdParty: "block" });
    const frame: CookieContext = { kind: "frame", topLevel: "https://site-b.test" };
    const both = ["a=1; Secure; SameSite=None", "p=1; Secure; SameSite=None; Partitioned"];
    expect(both.map((line) => store.set(line, A, frame, NOW))).toMatchObject([
      { kind: "refused", reasons: ["UserPreferences"] },
      { kind: "stored" },
    ]);
    store.set(both[0]!, A, {}, NOW);
    expect(sent(store, A, frame)).toBe("p=1");
    expect(store.explain(A, frame, NOW).find(({ cookie }) => cookie.name === "a")?.reasons).toEqual([
      "UserPreferences",
    ]);
  });
});

describe("a script", () => {
  const script: CookieContext = { script: true };

  test("neither sees, nor sets, nor replaces HttpOnly cookies", () => {
    const store = storeWith("h=1; HttpOnly", "a=1");
    expect(sent(store, A, script)).toBe("a=1");
    expect(store.set("x=1; HttpOnly", A, script, NOW)).toEqual({ kind: "refused", reasons: ["HttpOnly"] });
    expect(store.set("h=2", A, script, NOW)).toEqual({ kind: "refused", reasons: ["OverwriteHttpOnly"] });
  });
});

describe("the limits", () => {
  const fill = (count: number, line: (index: number) => string, context: CookieContext = {}): string[] => {
    const store = new CookieStore();
    for (let i = 0; i < count; i += 1) store.set(line(i), A, context, NOW + i);
    return [...store].map(({ name }) => name);
  };

  // As measured: 200 cookies leave 169, or 180 in a partition.
  test("a domain has 180 cookies; one more removes the least recently used down to 150", () => {
    const left = fill(200, (i) => `c${i}=1`);
    expect(left.length).toBe(169);
    expect(left).not.toContain("c30");
    expect(left).toContain("c31");
  });

  test("cookies without Secure go first", () => {
    const left = fill(181, (i) => `c${i}=1${i < 31 ? "; Secure" : ""}`);
    expect(left.length).toBe(150);
    expect(left.filter((name) => Number(name.slice(1)) < 31).length).toBe(31);
  });

  test("a domain has 180 cookies and 10240 bytes in a partition", () => {
    const frame: CookieContext = { kind: "frame", topLevel: "https://site-b.test" };
    const tail = "; Secure; SameSite=None; Partitioned";
    expect(fill(200, (i) => `c${i}=1${tail}`, frame)).toEqual(Array.from({ length: 180 }, (_, i) => `c${i + 20}`));
    expect(fill(6, (i) => `c${i}=${"x".repeat(2_998)}${tail}`, frame)).toEqual(["c3", "c4", "c5"]);
  });

  test("all domains together have a maximum", () => {
    const store = new CookieStore({ limits: { total: 50, maximum: 100 } });
    for (let i = 0; i < 1_000; i += 1) store.set("a=1", at(`host-${i}.test`), {}, NOW + i);
    expect(store.size).toBeLessThanOrEqual(100);
    expect(sent(store, at("host-999.test"))).toBe("a=1");
    expect(sent(store, at("host-0.test"))).toBe("");
  });

  test("beyond the total, all are looked at once for a tenth of it, also if cookies only change", () => {
    const store = new CookieStore({ limits: { total: 100, maximum: 1_000 } });
    for (let i = 0; i < 115; i += 1) store.set(`a=1${i === 0 ? "; Max-Age=1" : ""}`, at(`host-${i}.test`), {}, NOW);
    const sizes = Array.from({ length: 10 }, (_, i) => {
      store.set(`a=${i}`, at("host-7.test"), {}, NOW + 1_000);
      return store.size;
    });
    expect(sizes).toEqual([115, 115, 115, 115, 115, 114, 114, 114, 114, 114]);
  });

  test("what was not used for 30 days goes when there are more than 3300", () => {
    const store = new CookieStore();
    const later = NOW + 31 * 24 * 3_600 * 1_000;
    for (let i = 0; i < 5_000; i += 1) store.set("a=1", at(`host-${i}.test`), {}, i < 2_000 ? NOW : later);
    expect(store.size).toBeLessThanOrEqual(3_630);
    expect(sent(store, at("host-2000.test"), {}, later)).toBe("a=1");
  });
});

describe("changes", () => {
  test("are told, evictions and deletions included", () => {
    const changes: string[] = [];
    const store = new CookieStore({
      limits: { perDomain: 2, domainMargin: 1 },
      onChange: ({ kind, cookie }) => changes.push(`${kind} ${cookie.name}`),
    });
    for (const line of ["a=1", "b=1", "c=1", "c=; Max-Age=0"]) store.set(line, A, {}, NOW + changes.length);
    expect(changes).toEqual(["set a", "set b", "set c", "deleted a", "deleted b", "deleted c"]);
  });

  test("clearing a site spares the partitions of other sites", () => {
    const store = storeWith("a=1; Secure", "p=1; Secure; Partitioned");
    const frame: CookieContext = { kind: "frame", topLevel: "https://site-b.test" };
    store.set("q=1; Secure; SameSite=None; Partitioned", A, frame, NOW);
    expect(store.clearSite(A, {})).toBe(2);
    expect([...store].map(({ name }) => name)).toEqual(["q"]);
  });

  test("a third party whose cookies are blocked clears its partition only", () => {
    const store = new CookieStore({ thirdParty: "block" });
    const frame: CookieContext = { kind: "frame", topLevel: "https://site-b.test" };
    store.set("a=1", A, {}, NOW);
    store.set("q=1; Secure; SameSite=None; Partitioned", A, frame, NOW);
    expect(store.clearSiteData('"*"', A, frame)).toBe(1);
    expect([...store].map(({ name }) => name)).toEqual(["a"]);
  });
});

const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "a",
        "=",
        ";",
        " ",
        "\t",
        "Domain",
        "Path=/",
        "Max-Age",
        "Expires",
        "Secure",
        "__Host-",
        ".",
        "1",
        "\0",
        "é",
      ),
    )
    .map((parts) => parts.join("")),
);

test("any line is stored or refused with a reason, and what is stored survives JSON", () => {
  fc.assert(
    fc.property(
      anything,
      anything,
      fc.constantFrom("site-a.test", "127.0.0.1", "[::1]", "co.uk", "a..", "", "x.test."),
      (line, path, host) => {
        const store = new CookieStore();
        const outcome = store.set(line, { scheme: "https", host, path: `/${path}` }, {}, NOW);
        if (outcome.kind === "refused") expect(outcome.reasons.length).toBeGreaterThan(0);
        if (outcome.kind === "stored")
          expect(cookieFromJson(JSON.parse(JSON.stringify(cookieJson(outcome.cookie))))).toEqual(outcome.cookie);
      },
    ),
    { numRuns: runs(300) },
  );
});

test("a request carries exactly the cookies that nothing speaks against", () => {
  const store = new CookieStore();
  const lines = [
    "st=1; SameSite=Strict",
    "la=1; SameSite=Lax; HttpOnly",
    "no=1; SameSite=None; Secure",
    "un=1",
    "se=1; Secure",
    "do=1; Domain=site-a.test",
    "pa=1; Secure; SameSite=None; Partitioned",
    "ex=1; Max-Age=60",
    "ot=1; Path=/other",
  ];
  for (const host of ["site-a.test", "sub.site-a.test", "site-b.test"])
    for (const line of lines) store.set(line, at(host, "/dir/x"), {}, NOW);
  const origin = fc.constantFrom(
    "https://site-a.test",
    "http://site-a.test",
    "https://sub.site-a.test",
    "https://site-b.test",
    "null",
  );
  const context = fc.record(
    {
      topLevel: origin,
      frames: fc.array(origin, { maxLength: 2 }),
      initiator: origin,
      method: fc.constantFrom("GET", "POST"),
      kind: fc.constantFrom("top-level" as const, "frame" as const, "subresource" as const),
      script: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const target = fc.record({
    scheme: fc.constantFrom("https", "http"),
    host: fc.constantFrom("site-a.test", "sub.site-a.test", "deep.sub.site-a.test", "site-b.test"),
    path: fc.constantFrom("/", "/dir/x", "/other/y"),
  });
  fc.assert(
    fc.property(target, context, fc.constantFrom(0, 61_000, 130_000), (to, around, age) => {
      const found = store
        .explain(to, around, NOW + age)
        .filter(({ reasons }) => reasons.length === 0)
        .map(({ cookie }) => cookie);
      expect(store.get(to, around, NOW + age)).toEqual(found);
      expect(store.header(to, around, NOW + age)).toBe(cookieString(found));
    }),
    { numRuns: runs(300) },
  );
});

test("what a request carries follows every change, over hosts, paths and time", () => {
  const host = fc.constantFrom("site-a.test", "sub.site-a.test", "deep.sub.site-a.test");
  const path = fc.constantFrom("/", "/a", "/b", "/a/b", "/ab");
  const place = fc.record({ scheme: fc.constantFrom("https", "http", "ws"), host, path });
  const line = fc
    .tuple(
      fc.constantFrom("x=1", "x=2", "y=1", "=z"),
      path,
      fc.constantFrom("", "; Domain=site-a.test", "; Domain=sub.site-a.test"),
      fc.constantFrom("", "; Secure", "; Secure; Partitioned", "; Max-Age=3", "; Max-Age=0", "; HttpOnly"),
    )
    .map(([pair, where, domain, more]) => `${pair}; Path=${where}${domain}${more}`);
  const step = fc.oneof(fc.record({ line, to: place }), fc.record({ to: place }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new CookieStore();
      steps.forEach((each, index) => {
        const now = NOW + index * 500;
        if ("line" in each) store.set(each.line, each.to, {}, now);
        const carried = store.explain(each.to, {}, now).filter(({ reasons }) => reasons.length === 0);
        const expected = cookieString(carried.map(({ cookie }) => cookie));
        expect(store.header(each.to, {}, now)).toBe(expected);
        expect(cookieString(store.get(each.to, {}, now))).toBe(expected);
      });
    }),
    { numRuns: runs(200) },
  );
});
