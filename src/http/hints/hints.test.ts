import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import type { FieldLine } from "../field-section.ts";
import { locationOf, NOWHERE } from "../geofeed/location.ts";
import { emitHints, lacksCritical, readHints } from "./client-hints.ts";
import { emitGeoField, readGeoField } from "./geo-field.ts";
import { emitGeoHint, judgeGeoHint, parseGeoHint, readGeoHint } from "./geo-hint.ts";

const at = (text: string) => {
  const [country = "", region = "", city = ""] = text.split(",");
  return locationOf(country, region, city);
};

describe("Sec-CH-IP-Geo", () => {
  test.each<[string, string | undefined]>([
    ['"US,US-AL,Alabaster"', "US,US-AL,Alabaster"],
    ['"us, us-al"', "US,US-AL"],
    ['"US";a=1', "US"],
    ['"US,US-AL,Alabaster,35007"', "US,US-AL,Alabaster"], // a postal code
    ['""', ""],
    ['",,"', ""],
    ['"ZZ"', ""],
    ['",US-AL"', ",US-AL"],
    ['"US,CA-BC"', undefined],
    ['"USA"', undefined],
    ['"US,US-AL,A,1,2"', undefined],
    ["US", undefined],
    ["7", undefined],
    ["?1", undefined],
    ['("US")', undefined],
    ['"US", "PL"', undefined],
    ['"S\xe3o"', undefined],
    ['"US', undefined],
  ])("%s", (value, expected) => expect(parseGeoHint(value)).toEqual(expected === undefined ? undefined : at(expected)));

  test("two lines are not a hint, and other cities than ASCII are folded or left out", () => {
    const line: FieldLine = ["sec-ch-ip-geo", '"US"'];
    expect([readGeoHint([line]), readGeoHint([line, line]), readGeoHint([])]).toEqual([at("US"), undefined, undefined]);
    expect(emitGeoHint(at("BR,BR-SP,São Paulo"))).toBe('"BR,BR-SP,Sao Paulo"');
    expect(emitGeoHint(at("JP,JP-13,東京"))).toBe('"JP,JP-13"');
  });

  test.each([
    ["US,US-AL,Alabaster", "US,US-AL,Alabaster", "equal", "US,US-AL,Alabaster"],
    ["US", "US,US-AL", "coarser", "US"],
    ["", "US", "coarser", ""],
    ["US,US-AL,Alabaster", "US,US-AL", "finer", "US,US-AL"],
    ["PL,PL-MZ", "US,US-AL", "mismatch", "US,US-AL"],
    ["US,US-CA", "US,US-AL", "mismatch", "US,US-AL"],
    ["US,,alabaster", "US,US-AL,Alabaster", "coarser", "US,,alabaster"],
    ["BR,,Sao Paulo", "BR,,São Paulo", "equal", "BR,,Sao Paulo"],
    ["US", "", "finer", ""],
  ])("%s beside a feed's %s is %s", (hint, entry, verdict, used) => {
    expect(judgeGeoHint(at(hint), at(entry))).toEqual({ location: at(used), verdict });
  });

  test("without a feed's entry, or without a hint", () => {
    expect(judgeGeoHint(at("US"), undefined)).toEqual({ location: at("US"), verdict: "unverifiable" });
    expect(judgeGeoHint(undefined, at("US"))).toEqual({ location: at("US"), verdict: "none" });
    expect(judgeGeoHint(undefined, undefined)).toEqual({ location: NOWHERE, verdict: "none" });
  });

  test("the field for handlers and origins says the same, in ASCII", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const city = text.replaceAll(/\p{C}|[,\ud800-\udfff]/gu, "");
        const judged = { location: at(`JP,JP-13,${city}`), verdict: "coarser" as const };
        const value = emitGeoField(judged);
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        expect(readGeoField([["nagare-geo", value]])).toEqual(judged);
      }),
      { numRuns: runs(60) },
    );
    for (const value of ["", "x", "verdict=maybe", 'country="%zz", verdict=equal', "verdict"])
      expect(readGeoField([["nagare-geo", value]])).toBeUndefined();
  });
});

describe("Accept-CH and Critical-CH", () => {
  test.each<[string, string[]]>([
    ["Sec-CH-IP-Geo, Sec-CH-UA-Arch;x=1, sec-ch-ip-geo", ["sec-ch-ip-geo", "sec-ch-ua-arch"]],
    ["", []],
    ['"Sec-CH-IP-Geo"', []],
    ["(a b)", []],
    ["a, , b", []],
    ["a b", []],
  ])("%s", (value, hints) => expect(readHints([["accept-ch", value]], "accept-ch")).toEqual(hints));

  test("a response without the field is not one with an empty list", () => {
    expect(readHints([], "critical-ch")).toBeUndefined();
    expect(emitHints(["Sec-CH-IP-Geo", "A"])).toBe("Sec-CH-IP-Geo, A");
  });

  test("a request is repeated for a critical hint that was not sent, and would be now", () => {
    const [none, geo] = [new Set<string>(), new Set(["sec-ch-ip-geo"])];
    expect(lacksCritical(["sec-ch-ip-geo"], none, geo)).toBe(true);
    expect(lacksCritical(["sec-ch-ip-geo"], geo, geo)).toBe(false);
    expect(lacksCritical(["sec-ch-ip-geo"], none, none)).toBe(false);
  });
});
