import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { latin1, utf8 } from "../../wire/text.ts";
import { Geofeed, GeofeedReader } from "./geofeed.ts";
import { locationText } from "./location.ts";

const parse = (text: string) => Geofeed.parse(utf8(text));
const codes = (text: string) => parse(text).summary.findings.map(({ code, line }) => `${line} ${code}`);

describe("the lines of RFC 8805's sample validator: errors and warnings", () => {
  test.each([
    ["asdf", 1, 1],
    ["aaaa::,US,,,", 0, 0],
    ["55.66.77.88,PL", 0, 1],
    ["55.66.77.88,USA,USA-CA,,", 2, 0],
    ["55.66.77.88/24,US,,,", 1, 0],
    ["55.66.77.0/35,US,,,", 1, 0],
    ["10.0.5.0/24,US,,,", 1, 0],
    ["172.15.30.1,US,,,", 0, 0],
    ["172.28.30.1,US,,,", 1, 0],
    ["fd00::/16,US,,,", 1, 0],
    ["192.0.2.0/24,PL,PL-MZ,Warszawa,,", 0, 1],
    ["2001:db8:cafe::/48", 0, 1],
    [",US,,,", 1, 0],
    ["# a comment", 0, 0],
    ["192.0.2.0/24,US,US-AL,Alabaster, # and one after an entry", 0, 0],
    [" 192.0.2.0/24 , us , us-al , Alabaster , ", 0, 0],
    ['"192.0.2.0/24","US","US-AL","Winston ""Salem""",', 0, 0],
    ["192.0.2.0/24,,,,", 0, 0],
    ["192.0.2.0/24,ZZ,,,", 0, 0],
    ["192.0.2.0/24,QQ,,,", 0, 1],
    ["192.0.2.0/24,US,CA-BC,,", 1, 0],
    ["192.0.2.0/24,US,US,,", 1, 0],
    ["192.0.2.0/24,US,US-AL,,35007", 0, 1],
    ['192.0.2.0/24,US,"US-AL,,', 1, 0],
    ["192.0.2.256,US,,,", 1, 0],
    ["1.2.3,US,,,", 1, 0],
    ["01.2.3.4,US,,,", 1, 0],
    ["2001:db8:::/32,US,,,", 1, 0],
    ["1::2::3,US,,,", 1, 0],
    ["1:2:3:4:5:6:7,US,,,", 1, 0],
    ["192.0.2.0/,US,,,", 1, 0],
    ["192.0.2.0/-1,US,,,", 1, 0],
  ])("%s", (line, errors, warnings) => {
    const { summary } = parse(`${line}\r\n`);
    expect([summary.errors, summary.warnings]).toEqual([errors, warnings]);
  });
});

test("the longest prefix counts, and findings have their lines", () => {
  const feed = parse(
    "192.0.2.0/25,US,US-AL,,\r\n192.0.2.5,US,US-AL,Alabaster,\n\n# x\n192.0.2.128/25,PL,PL-MZ,,\n2001:DB8:0:0::/32,PL,,,\n" +
      "2001:db8::/32,DE,,,\n::ffff:198.51.100.0/120,JP,,,\n198.51.100.0/24,FR,,,",
  );
  const at = (address: string) => {
    const entry = feed.lookup(address);
    return entry && `${entry.line} ${entry.prefix} ${locationText(entry.location)}`;
  };
  expect(
    ["192.0.2.5", "192.0.2.6", "192.0.2.200", "192.0.3.0", "2001:db8::1", "::ffff:192.0.2.5", "x"].map(at),
  ).toEqual([
    "2 192.0.2.5/32 US,US-AL,Alabaster",
    "1 192.0.2.0/25 US,US-AL",
    "5 192.0.2.128/25 PL,PL-MZ",
    undefined,
    "6 2001:db8::/32 PL",
    "2 192.0.2.5/32 US,US-AL,Alabaster",
    undefined,
  ]);
  expect(feed.summary).toMatchObject({ lines: 9, entries: 6, errors: 1, warnings: 0 });
  expect(feed.summary.findings).toMatchObject([
    { line: 7, code: "duplicate", message: expect.stringMatching(/line 6/) },
  ]);
  expect(at("255.255.255.255") ?? "none").toBe("none");
});

test("Latin-1 is named by its lines, and the others count", () => {
  const bytes = new Uint8Array([
    ...utf8("192.0.2.0/25,BR,BR-SP,São Paulo,\n"),
    ...latin1("192.0.2.128/25,BR,BR-SP,S\xe3o Paulo,\n"),
    ...utf8("198.51.100.0/24,DE,,,\n"),
  ]);
  const { summary } = Geofeed.parse(bytes);
  expect(summary.findings.map(({ line, code }) => [line, code])).toEqual([[2, "encoding"]]);
  expect(summary).toMatchObject({ entries: 2, lines: 3 });
});

test("a feed of any size takes bounded memory: long lines, many findings, many entries", () => {
  const reader = new GeofeedReader({ maxEntries: 3 });
  const garbage = new Uint8Array(1 << 16).fill(0x61);
  for (let i = 0; i < 100; i += 1) reader.write(garbage);
  reader.write(utf8("\n"));
  for (let i = 0; i < 5; i += 1) reader.write(utf8(`192.0.2.${i},US,,,\n`));
  for (let i = 0; i < 2_000; i += 1) reader.write(utf8("x,US,,,\n"));
  const feed = reader.end();
  expect(feed.summary).toMatchObject({ lines: 2_006, entries: 3, errors: 2_001, warnings: 1 });
  expect(feed.summary.findings.length).toBe(1_000);
  expect(feed.summary.findings.slice(0, 2).map(({ line, code }) => [line, code])).toEqual([
    [1, "line-length"],
    [5, "limit"],
  ]);
  expect([feed.lookup("192.0.2.2")?.line, feed.lookup("192.0.2.3")]).toEqual([4, undefined]);
});

test("locations take bounded memory, however long they are, and no matter whether they can be used", () => {
  const reader = new GeofeedReader();
  const long = "x".repeat(3_900);
  // 9,000 of them have more than 32 Mi characters.
  for (let i = 0; i < 9_000; i += 1)
    reader.write(utf8(`1.${i >>> 8}.${i & 255}.0/24,DE,${i % 2 === 0 ? "" : "?"},${i}${long},\n`));
  reader.write(utf8("2.0.0.0/8,DE,,1000,\n"));
  const { summary } = reader.end();
  expect(summary.entries).toBeGreaterThan(4_000);
  expect(summary.entries).toBeLessThan(4_400);
  expect(summary).toMatchObject({ lines: 9_001, errors: 4_500, warnings: 1 });
});

test("a feed in pieces is the same feed, and a wrong order of lines changes nothing", () => {
  const lines = [
    "1.2.3.0/24,US,,,",
    "2001:db8::/32,ÄÖ,,,",
    "1.2.0.0/16,DE,,,",
    "x",
    "",
    "1.2.3.4,FR,,São,",
    "0.0.0.0/0,JP,,,",
  ];
  const whole = parse(lines.join("\r\n"));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
      const reader = new GeofeedReader();
      const bytes = utf8(lines.join("\r\n"));
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = sizes[i % sizes.length]!;
        reader.write(bytes.subarray(at, at + size));
        at += size;
      }
      expect(reader.end().summary).toEqual(whole.summary);
    }),
    { numRuns: runs(30) },
  );
  expect(codes(lines.join("\n"))).toEqual(["2 country", "4 prefix-invalid", "4 field-count"]);
});

test("lookups agree with a search through all entries", () => {
  const word = fc.nat(0xffffffff);
  const prefix = fc.tuple(fc.constantFrom(4, 6), fc.array(word, { minLength: 4, maxLength: 4 }), fc.nat(128));
  const text = (version: number, words: readonly number[]) =>
    version === 4
      ? [24, 16, 8, 0].map((shift) => (words[0]! >>> shift) & 0xff).join(".")
      : words.map((each) => `${(each >>> 16).toString(16)}:${(each & 0xffff).toString(16)}`).join(":");
  const bitsOf = (version: number, words: readonly number[]) =>
    words
      .slice(0, version === 4 ? 1 : 4)
      .map((each) => each.toString(2).padStart(32, "0"))
      .join("");
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 30 }), fc.nat(), (prefixes, seed) => {
      const entries = prefixes.map(([version, given, size]) => {
        const length = version === 4 ? size % 33 : size;
        // Few different addresses, so that prefixes are nested.
        const words = given.map(
          (each, i) => ((i === 0 ? each & 0xc0000003 : each & 1) & maskAt(length - 32 * i)) >>> 0,
        );
        return { version, words, length };
      });
      const feed = parse(
        entries.map(({ version, words, length }) => `${text(version, words)}/${length},US,,,`).join("\n"),
      );
      const usable = entries.filter(({ version, words }) => !isPrivateText(text(version, words)));
      for (const { version, words } of entries) {
        const address = words.map((each, i) => (each | ((seed >>> i) & 3)) >>> 0);
        const bits = bitsOf(version, address);
        const best = usable
          .filter(
            (entry) =>
              entry.version === version && bits.startsWith(bitsOf(version, entry.words).slice(0, entry.length)),
          )
          .reduce((longest, { length }) => Math.max(longest, length), -1);
        expect(Number(feed.lookup(text(version, address))?.prefix.split("/")[1] ?? -1)).toBe(best);
      }
    }),
    { numRuns: runs(60) },
  );
});

const maskAt = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits));
const isPrivateText = (address: string): boolean =>
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/.test(address);
