import { expect, test } from "vitest";
import { HstsStore, parseHstsFile, parseTransportPolicy, printHstsFile } from "./index.ts";

// RFC 6797 §6.2, and what §6.1 excludes.
test.each([
  ["max-age=31536000", { maxAge: 31_536_000, includesSubdomains: false }],
  ["max-age=15768000 ; includeSubDomains", { maxAge: 15_768_000, includesSubdomains: true }],
  ['max-age="31536000"', { maxAge: 31_536_000, includesSubdomains: false }],
  ["max-age=0", { maxAge: 0, includesSubdomains: false }],
  ["max-age=0; includeSubDomains", { maxAge: 0, includesSubdomains: true }],
  ['; MAX-AGE = 1;; preload; x="a;b" ;', { maxAge: 1, includesSubdomains: false }],
  [`max-age=${"9".repeat(40)}`, { maxAge: 3_155_760_000, includesSubdomains: false }],
  ["", undefined],
  ["includeSubDomains", undefined],
  ["max-age", undefined],
  ["max-age=", undefined],
  ["max-age=-1", undefined],
  ["max-age=1.5", undefined],
  ["max-age=1; max-age=2", undefined],
  ["max-age=1; includeSubDomains; includesubdomains", undefined],
  ["max-age=1 2", undefined],
  ['max-age="1', undefined],
])("%s", (value, policy) => {
  expect(parseTransportPolicy(value)).toEqual(policy);
});

const noted = (host: string, value: string, now = 0): HstsStore => {
  const store = new HstsStore();
  store.note(host, [["Strict-Transport-Security", value]], now);
  return store;
};

test("a policy covers its host until it expires, and those below it if it says so", () => {
  const store = noted("Example.com.", "max-age=10; includeSubDomains");
  for (const host of ["example.com", "EXAMPLE.com.", "a.b.example.com"]) expect(store.isSecure(host, 9_999)).toBe(true);
  for (const host of ["com", "notexample.com", "example.com.evil.test"]) expect(store.isSecure(host, 0)).toBe(false);
  expect(store.isSecure("example.com", 10_000)).toBe(false);
  expect(noted("example.com", "max-age=10").isSecure("a.example.com", 0)).toBe(false);
});

test("the first field counts, 0 forgets, and addresses have no policy", () => {
  const store = noted("a.test", "max-age=10");
  store.note(
    "a.test",
    [
      ["strict-transport-security", "nonsense"],
      ["strict-transport-security", "max-age=0"],
    ],
    0,
  );
  expect(store.isSecure("a.test", 0)).toBe(true);
  store.note(
    "a.test",
    [
      ["x", "y"],
      ["strict-transport-security", "max-age=0"],
    ],
    0,
  );
  expect(store.isSecure("a.test", 0)).toBe(false);
  for (const host of ["127.0.0.1", "[::1]", "::1", ""]) expect(noted(host, "max-age=10").entries(0)).toEqual([]);
});

test("the number of hosts is bounded", () => {
  const store = new HstsStore();
  for (let i = 0; i < 10_100; i += 1) store.add({ host: `h${i}.test`, expires: 1, includesSubdomains: false });
  expect(store.entries(0)).toHaveLength(10_000);
  expect(store.isSecure("h0.test", 0)).toBe(false);
});

test("curl's file, with lines that are left out", () => {
  const text = '# comment\n.example.com "20271231 23:59:59"\r\nother.test "unlimited"\nbroken "x"\n. "unlimited"\n';
  const entries = parseHstsFile(text);
  expect(entries).toEqual([
    { host: "example.com", expires: 1_830_297_599_000, includesSubdomains: true },
    { host: "other.test", expires: Number.POSITIVE_INFINITY, includesSubdomains: false },
  ]);
  expect(printHstsFile(entries)).toMatch(/\n\.example\.com "20271231 23:59:59"\nother\.test "unlimited"\n$/);
  expect(parseHstsFile(printHstsFile(entries))).toEqual(entries);
});
