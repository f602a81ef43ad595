import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import type { FieldLine } from "../field-section.ts";
import { emitLink, parseLinks } from "../link.ts";
import { emitNotice, readNotice } from "./notices.ts";

const NOW = Date.UTC(2026, 0);
const DEPRECATED: FieldLine = ["deprecation", "@1688169599"];
const SUNSET: FieldLine = ["sunset", "Sun, 30 Jun 2024 23:59:59 GMT"];
const read = (...fields: FieldLine[]) => readNotice(fields, NOW);

test("RFC 9745 §4: both dates, in their own syntaxes", () => {
  expect(read(DEPRECATED, SUNSET)).toMatchObject({
    deprecation: 1_688_169_599_000,
    sunset: 1_719_791_999_000,
    problems: [],
  });
});

test("what is written is read again, with its links", () => {
  const notice = {
    deprecation: Date.UTC(2026, 11, 31),
    deprecationLink: "https://developer.example/deprecation",
    sunset: Date.UTC(2027, 5, 30),
    sunsetLink: '/policy, with a comma;"and quotes"',
    successor: "/v2/",
  };
  const fields = emitNotice(notice);
  expect(fields).toEqual([
    ["deprecation", "@1798675200"],
    ["sunset", "Wed, 30 Jun 2027 00:00:00 GMT"],
    ["link", '<https://developer.example/deprecation>; rel="deprecation"; type="text/html"'],
    ["link", '</policy,%20with%20a%20comma;%22and%20quotes%22>; rel="sunset"'],
    ["link", '</v2/>; rel="successor-version"'],
  ]);
  const sunsetLink = "/policy,%20with%20a%20comma;%22and%20quotes%22";
  expect(readNotice(fields, NOW)).toEqual({ ...notice, sunsetLink, problems: [] });
});

describe("dates of every broken kind are ignored, and reported", () => {
  test.each([
    "true",
    "?1",
    "1688169599",
    "@1.5",
    "@",
    "@x",
    "@1688169599, @1688169600",
    "(@1688169599)",
    '"@1688169599"',
    "@999999999999999",
    "Sun, 30 Jun 2024 23:59:59 GMT",
    "",
  ])("Deprecation: %s", (value) => {
    const { deprecation, problems } = read(["deprecation", value]);
    expect([deprecation, problems.map(({ field }) => field)]).toEqual([undefined, ["deprecation"]]);
    expect(problems[0]!.message).toContain("@1767225600");
  });
  test.each([
    "@1688169599",
    "2024-06-30",
    "Sun, 30 Jun 2024 23:59:59 +0200",
    "Sun, 31 Jun 2024 23:59:59 GMT",
    "",
    "soon",
  ])("Sunset: %s", (value) => {
    const { sunset, problems } = read(["sunset", value]);
    expect([sunset, problems.map(({ field }) => field)]).toEqual([undefined, ["sunset"]]);
  });
  test("several sunsets", () => expect(read(SUNSET, SUNSET)).toMatchObject({ sunset: undefined, problems: [{}] }));
  test("parameters of Deprecation are ignored, and a date before 1970 counts", () => {
    expect(read(["deprecation", "@1688169599;a=1"]).deprecation).toBe(1_688_169_599_000);
    expect(read(["deprecation", "@-1"]).deprecation).toBe(-1_000);
  });
  test("a sunset before the deprecation is reported, and both are used", () => {
    const { deprecation, sunset, problems } = read(["deprecation", "@1751327999"], SUNSET);
    expect([deprecation, sunset, problems.length]).toEqual([1_751_327_999_000, 1_719_791_999_000, 1]);
  });
});

test("links of several kinds, and malformed ones (RFC 8288 §3)", () => {
  const field =
    '<a,b>; rel="Sunset other"; title="x,;\\"y", <c>;rel=deprecation;rel=sunset, nonsense, <d e>; rel=sunset, <f>, <g>; rel="unfinished';
  expect(parseLinks(field).map(({ target, relations }) => [target, ...relations])).toEqual([
    ["a,b", "sunset", "other"],
    ["c", "deprecation"],
    ["f"],
    ["g"],
  ]);
});

test("any bytes are read without an exception, and a link is read as it was written", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.webUrl(), (value, url) => {
      read(["deprecation", value], ["sunset", value], ["link", value]);
      expect(parseLinks(`${emitLink(url, "sunset")}, ${emitLink("/", "x")}`)[0]!.relations).toEqual(["sunset"]);
    }),
    { numRuns: runs(200) },
  );
});
