import { expect, test } from "vitest";
import { checkDomains, checkName, groupKey } from "./names.ts";
import { isStorageKey } from "./storage.ts";

test.each([
  ["WWW.Example.COM.", "www.example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["*.例え.jp", "*.xn--r8jz45g.jp"],
  ["192.0.2.7", "192.0.2.7"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
])("%s is %s", (given, name) => {
  expect(checkName(given)).toBe(name);
});

test.each(["", ".", "a..b", "*.*.a", "a b", "-.example", "a/b", `${"a".repeat(64)}.example`, `${"a.".repeat(127)}b`])(
  "%j is no name",
  (given) => {
    expect(() => checkName(given)).toThrow("is not a domain name");
  },
);

test("each set of names has a key of its own", () => {
  const groups = [
    ["a.example"],
    ["*.a.example"],
    ["a.example", "b.example"],
    ["a.example", "c.example"],
    ["::1"],
    ["_.a.example"],
  ];
  const keys = groups.map(groupKey);
  for (const key of keys) expect([key, isStorageKey(key)]).toEqual([key, true]);
  expect(new Set(keys).size).toBe(groups.length);
  expect(groupKey(["b.example", "a.example"])).not.toBe(groupKey(["a.example"]));
  expect(checkDomains(["a.example", ["A.example"], ["b.example", "b.example"]])).toEqual([
    ["a.example"],
    ["b.example"],
  ]);
  expect(() => checkDomains([[]])).toThrow("without names");
});
