import { expect, test } from "vitest";
import { PlanB, parseAltSvcb } from "./plan-b.ts";

const ORIGIN = "https://example.com";

test.each([
  ['"instance31.example.com"', ["instance31.example.com."]],
  ['"A.example.", "b.example";q=1', ["a.example.", "b.example."]],
  ['"invalid"', ["invalid."]],
  ['"a b", "x..y", "", "-", "192.0.2.1:443", "ok.test"', ["ok.test."]],
  [`"${"a".repeat(64)}.test"`, []],
  ["token", []],
  ['("a.test")', []],
  ['"a.test", 1', []],
  ['"\u00e4.test"', []],
  [
    Array.from({ length: 1_000 }, (_, i) => `"x${i}.test"`).join(", "),
    Array.from({ length: 8 }, (_, i) => `x${i}.test.`),
  ],
])("%s", (field, names) => expect(parseAltSvcb(field)).toEqual(names));

test("a name is tried once, what works is remembered, and another name discards it", () => {
  const memory = new PlanB();
  expect(memory.heard(ORIGIN, '"a.test"')).toBe("a.test.");
  expect(memory.heard(ORIGIN, '"a.test"')).toBeUndefined();
  expect(memory.service(ORIGIN)).toBeUndefined();
  memory.worked(ORIGIN, "a.test.", "service.test.");
  expect(memory.heard(ORIGIN, '"b.test", "a.test"')).toBeUndefined();
  expect(memory.service(ORIGIN)).toBe("service.test.");
  expect(memory.heard(ORIGIN, '"b.test"')).toBe("b.test.");
  memory.worked(ORIGIN, "a.test.", "service.test.");
  expect(memory.service(ORIGIN)).toBeUndefined();
  memory.worked(ORIGIN, "b.test.", "b.test.");
  expect([memory.heard(ORIGIN, '"invalid"'), memory.service(ORIGIN)]).toEqual([undefined, undefined]);
});

test("the number of origins is limited", () => {
  const memory = new PlanB();
  for (let i = 0; i <= 1_000; i += 1) {
    memory.heard(`https://${i}.test`, '"a.test"');
    memory.worked(`https://${i}.test`, "a.test.", "a.test.");
  }
  expect([memory.service("https://0.test"), memory.service("https://1000.test")]).toEqual([undefined, "a.test."]);
});
