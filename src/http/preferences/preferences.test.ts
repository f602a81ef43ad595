import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { Preferences, parsePreferences, withVary } from "./preferences.ts";

const shown = (...values: string[]) =>
  [...parsePreferences(values).values()].map(({ name, value, parameters }) => [
    name,
    value,
    Object.fromEntries(parameters),
  ]);

describe("Prefer (RFC 7240 §2)", () => {
  test.each<[string, unknown[]]>([
    [
      'SAFE, return=minimal; x="a,b", return=representation',
      [
        ["safe", "", {}],
        ["return", "minimal", { x: "a,b" }],
      ],
    ],
    ['foo; bar, foo; bar="", foo=""; bar, foo=', [["foo", "", { bar: "" }]]],
    [
      "respond-async, wait=100",
      [
        ["respond-async", "", {}],
        ["wait", "100", {}],
      ],
    ],
    ["Lenient = 1 ; A = b ;; a=c", [["lenient", "1", { a: "b" }]]],
    ['a="x\\"y"', [["a", 'x"y', {}]]],
    // A malformed member is skipped, and the rest counts.
    ["=x, a b, c=@, d; =, e", [["e", "", {}]]],
    ['a, b="unfinished, c', [["a", "", {}]]],
    [",, ,", []],
  ])("%s", (value, expected) => expect(shown(value)).toEqual(expected));

  test("several lines are one list", () => expect(shown("a", "b, a=1").map(([name]) => name)).toEqual(["a", "b"]));

  test("the number of preferences is bounded, and any bytes are read without an exception", () => {
    expect(shown(Array.from({ length: 1_000 }, (_, i) => `p${i}`).join()).length).toBe(64);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => void shown(value)),
      { numRuns: runs(300) },
    );
  });
});

describe("what a server reads", () => {
  const of = (value: string) => new Preferences([value]);
  test("names are compared without regard to case, values are not", () => {
    expect(of("Handling=strict").handling).toBe("strict");
    expect(of("handling=Lenient").handling).toBeUndefined();
    expect(of("return=minimal, return=representation").return).toBe("minimal");
    expect([of("safe").safe, of("safe=0").safe, of("").safe]).toEqual([true, true, false]);
    expect([of("wait=10"), of("wait=-1"), of("wait=1.5"), of("wait"), of("wait=x")].map(({ wait }) => wait)).toEqual([
      10_000,
      ...[undefined, undefined, undefined, undefined],
    ]);
  });

  test("the response varies once a preference was read, with or without Prefer", () => {
    const fields = [["vary", "accept"]] as const;
    const unread = of("safe");
    expect([...unread.complete(fields)]).toEqual(fields);
    const read = of("");
    expect(read.safe).toBe(false);
    expect([...read.complete(fields)]).toEqual([...fields, ["vary", "prefer"]]);
    expect(withVary([["vary", "a, Prefer"]], "prefer")).toEqual([["vary", "a, Prefer"]]);
    expect(withVary([["Vary", "*"]], "prefer")).toEqual([["Vary", "*"]]);
  });

  test("Preference-Applied names what was applied, without parameters, and nothing the client does not have", () => {
    const preferences = of('return=minimal; x=1, safe, odd="a b"');
    for (const name of ["Return", "odd", "wait"]) preferences.apply(name);
    expect([...preferences.complete([])]).toEqual([
      ["vary", "prefer"],
      ["preference-applied", 'return=minimal, odd="a b"'],
    ]);
  });
});
