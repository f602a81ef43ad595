import { expect, test } from "vitest";
import { SiteNames } from "./site-names.ts";

test("only names of the server are labels", () => {
  let names: readonly string[] = ["example.com", "*.example.com", "::1"];
  const sites = new SiteNames(() => names);
  const authorities = ["example.com:443", "WWW.example.com", "[::1]:443", "a.b.example.com", "evil.test", "", "com"];
  expect(authorities.map((authority) => sites.of(authority))).toEqual([
    ...["example.com", "*.example.com", "[::1]", "other", "other", "other", "other"],
  ]);
  names = ["evil.test"];
  expect(sites.of("evil.test")).toBe("evil.test");
});

test("at most a thousand sites have a label of their own", () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `site-${i}.test`);
  const sites = new SiteNames(() => names);
  expect(new Set(names.map((name) => sites.of(name))).size).toBe(1_001);
});
