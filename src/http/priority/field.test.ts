import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  completePriority,
  DEFAULT_PRIORITY,
  emitPriority,
  forwardedClient,
  mergePriority,
  parsePriority,
  priorityOf,
  withoutDefaults,
} from "./index.ts";

describe("the field (RFC 9218 §4)", () => {
  test.each([
    ["", {}],
    ["u=1", { urgency: 1 }],
    ["i", { incremental: true }],
    ["u=5, i", { urgency: 5, incremental: true }],
    ["i=?0", { incremental: false }],
    ["u=1;x=2, i;y", { urgency: 1, incremental: true }],
    // The last of equal keys counts (RFC 9651 §4.2.2).
    ["u=1, u=6", { urgency: 6 }],
    ["u=1.0, u=2", { urgency: 2 }],
    // Unknown members do not matter.
    ['z="a, u=1.5", u=2, i', { urgency: 2, incremental: true }],
    // Members of another type, or out of range, are ignored alone.
    ["u=8, i", { incremental: true }],
    ["u=-1", {}],
    ["u=1.0, i", { incremental: true }],
    ['u="1"', {}],
    ["u=@1", {}],
    ["u=(1 2), i=(1)", {}],
    ["u", {}],
    ["u=2, i=1", { urgency: 2 }],
    ["i=yes", {}],
  ])("%j", (value, members) => {
    expect(parsePriority(value)).toEqual(members);
    expect(priorityOf([["priority", value]])).toEqual(members);
  });

  test.each(["u=", "u=1,", "u=1,,i", "U=1", "u=1 i", "=", "ü=1", 'u="', "u=1;;"])(
    "%j is ignored as a whole",
    (value) => {
      expect(parsePriority(value)).toBeUndefined();
      expect(priorityOf([["priority", value]])).toEqual({});
    },
  );

  test("on several lines is one value (RFC 9110 §5.3)", () => {
    const fields = [
      ["priority", "u=1"],
      ["accept", "*/*"],
      ["priority", "i"],
    ] as const;
    expect(priorityOf(fields)).toEqual({ urgency: 1, incremental: true });
    expect(priorityOf([])).toEqual({});
  });

  const members = fc.record(
    { urgency: fc.integer({ min: 0, max: 7 }), incremental: fc.boolean() },
    { requiredKeys: [] },
  );

  test("parses as it was written", () => {
    fc.assert(
      fc.property(members, (given) => {
        expect(parsePriority(emitPriority(given))).toEqual(given);
        const short = parsePriority(emitPriority(withoutDefaults(given)))!;
        expect(completePriority(short)).toEqual(completePriority(given));
      }),
    );
  });

  test("of any text parses or is ignored, with values in range", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ui=?01.;, "()-9\\') }));
    fc.assert(
      fc.property(text, (value) => {
        const parsed = parsePriority(value);
        if (parsed === undefined) return;
        const { urgency, incremental } = completePriority(parsed);
        expect(urgency >= 0 && urgency <= 7 && Number.isInteger(urgency)).toBe(true);
        expect(typeof incremental).toBe("boolean");
      }),
    );
  });

  test("cannot be written with an urgency that does not exist", () => {
    for (const urgency of [8, -1, 1.5, Number.NaN]) expect(() => emitPriority({ urgency })).toThrow(RangeError);
  });
});

describe("merging (RFC 9218 §8)", () => {
  test.each([
    ["u=5, i", "u=1", "u=1, i"],
    ["u=5, i", "i=?0", "u=5, i=?0"],
    ["", "i", "u=3, i"],
    ["u=1", "", "u=1, i=?0"],
    ["u=1", "u=9", "u=1, i=?0"],
  ])("a request of %j and a response of %j: %s", (request, response, result) => {
    const client = completePriority(parsePriority(request)!);
    expect(emitPriority(mergePriority(client, parsePriority(response)!))).toBe(result);
  });

  test("the default", () => expect(completePriority({})).toEqual(DEFAULT_PRIORITY));
});

describe("an intermediary (RFC 9218 §13.1)", () => {
  test.each([
    [[["accept", "*/*"]], undefined],
    [[["via", "1.1 cache"]], null],
    [
      [
        ["via", "1.1 cache"],
        ["x-forwarded-for", "192.0.2.1, 198.51.100.2"],
      ],
      "192.0.2.1",
    ],
    [[["forwarded", 'For="[2001:db8::1]";proto=https, for=b']], 'for="[2001:db8::1]";proto=https'],
  ] as const)("%j", (fields, client) => expect(forwardedClient(fields)).toBe(client));
});
