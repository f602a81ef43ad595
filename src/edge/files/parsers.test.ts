import { join, normalize, sep } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { acceptedCodings } from "../../http/index.ts";
import { evaluatePreconditions } from "./preconditions.ts";
import { parseRange } from "./ranges.ts";
import { folderPath, parsePath } from "./safe-path.ts";

describe("Range (RFC 9110 §14.1)", () => {
  test.each([
    ["bytes=0-0", 10, [[0, 0]]],
    ["bytes=2-", 10, [[2, 9]]],
    ["bytes=2-100", 10, [[2, 9]]],
    ["bytes=-3", 10, [[7, 9]]],
    ["bytes=-100", 10, [[0, 9]]],
    ["Bytes=1-2", 10, [[1, 2]]],
    [
      "bytes=0-1, 4-5",
      10,
      [
        [0, 1],
        [4, 5],
      ],
    ],
    [
      "bytes=4-5,0-1",
      10,
      [
        [4, 5],
        [0, 1],
      ],
    ],
    [
      "bytes=0-4,3-6,8-9",
      10,
      [
        [0, 6],
        [8, 9],
      ],
    ],
    ["bytes=0-1,2-3", 10, [[0, 3]]],
    ["bytes=20-30,1-2", 10, [[1, 2]]],
    ["bytes=0-2,6-8,1-7", 10, [[0, 8]]],
    ["bytes=10-", 10, []],
    ["bytes=-0", 10, []],
    ["bytes=0-", 0, []],
    ["bytes=-5", 0, []],
    ["bytes=5-2", 10, undefined],
    ["bytes=", 10, undefined],
    ["bytes=a-b", 10, undefined],
    ["bytes=1-2,", 10, undefined],
    ["bytes=--1", 10, undefined],
    ["lines=1-2", 10, undefined],
    [`bytes=${"0-0,".repeat(40)}1-1`, 10, undefined],
  ] as const)("%s of %d bytes", (field, size, expected) => {
    expect(parseRange(field, size)?.map(({ start, end }) => [start, end])).toEqual(expected);
  });

  test("never yields a range outside the file, or adjacent ranges", () => {
    const spec = fc.oneof(
      fc.tuple(fc.nat(200), fc.nat(200)).map(([a, b]) => `${a}-${b}`),
      fc.nat(200).map((a) => `${a}-`),
      fc.nat(200).map((a) => `-${a}`),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 40 }), fc.nat(150), (specs, size) => {
        const ranges = parseRange(`bytes=${specs.join(",")}`, size) ?? [];
        const sorted = [...ranges].sort((a, b) => a.start - b.start);
        for (const [i, { start, end }] of sorted.entries()) {
          expect(start).toBeGreaterThanOrEqual(i === 0 ? 0 : sorted[i - 1]!.end + 2);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThan(size);
        }
      }),
    );
  });
});

describe("preconditions (RFC 9110 §13.2.2)", () => {
  const NOW = Date.UTC(2026, 0);
  const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
  const EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT";
  const LATER = "Sun, 06 Nov 1994 08:49:38 GMT";
  const strong = { etag: '"a"', lastModified: Date.parse(DATE), strongDate: true };
  const weak = { etag: 'W/"a"', lastModified: Date.parse(DATE), strongDate: false };
  const RANGE = { status: 200, useRange: true };
  const WHOLE = { status: 200, useRange: false };

  test.each([
    [{}, strong, RANGE],
    [{ "if-match": '"a"' }, strong, RANGE],
    [{ "if-match": '"x, y", "a"' }, strong, RANGE],
    [{ "if-match": "*" }, strong, RANGE],
    [{ "if-match": '"b"' }, strong, { status: 412 }],
    [{ "if-match": 'W/"a"' }, weak, { status: 412 }], // strong comparison
    [{ "if-match": '"a"', "if-unmodified-since": EARLIER }, strong, RANGE], // the date is ignored
    [{ "if-unmodified-since": DATE }, strong, RANGE],
    [{ "if-unmodified-since": EARLIER }, strong, { status: 412 }],
    [{ "if-unmodified-since": "yesterday" }, strong, RANGE],
    [{ "if-none-match": '"a"' }, strong, { status: 304 }],
    [{ "if-none-match": 'W/"a"' }, strong, { status: 304 }], // weak comparison
    [{ "if-none-match": '"b", "a"' }, weak, { status: 304 }],
    [{ "if-none-match": "*" }, strong, { status: 304 }],
    [{ "if-none-match": '"b"', "if-modified-since": LATER }, strong, RANGE], // the date is ignored
    [{ "if-modified-since": DATE }, strong, { status: 304 }],
    [{ "if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT" }, strong, { status: 304 }],
    [{ "if-modified-since": "Sun Nov  6 08:49:37 1994" }, strong, { status: 304 }],
    [{ "if-modified-since": EARLIER }, strong, RANGE],
    [{ "if-modified-since": "1994-11-06T08:49:37Z" }, strong, RANGE],
    [{ "if-match": '"b"', "if-none-match": '"a"' }, strong, { status: 412 }],
    [{ "if-range": '"a"' }, strong, RANGE],
    [{ "if-range": '"b"' }, strong, WHOLE],
    [{ "if-range": 'W/"a"' }, weak, WHOLE],
    [{ "if-range": DATE }, strong, RANGE],
    [{ "if-range": DATE }, weak, WHOLE],
    [{ "if-range": LATER }, strong, WHOLE],
    [{ "if-range": "nonsense" }, strong, WHOLE],
  ])("%j", (fields: Record<string, string>, validators, expected) => {
    expect(evaluatePreconditions((name) => fields[name], validators, NOW)).toEqual(expected);
  });
});

describe("Accept-Encoding (RFC 9110 §12.5.3)", () => {
  test.each([
    [undefined, []],
    ["", []],
    ["gzip, deflate, br", ["br", "gzip"]],
    ["gzip;q=1, br;q=0.5", ["gzip", "br"]],
    ["br;q=0, gzip", ["gzip"]],
    ["*", ["br", "gzip"]],
    ["*;q=0, gzip", ["gzip"]],
    ["x-gzip", ["gzip"]],
    ["GZIP ; Q=0.3", ["gzip"]],
    ["identity, gzip;q=0.5", []],
    ["gzip;q=nonsense", []],
    ["deflate", []],
  ])("%s", (field, expected) => {
    expect(acceptedCodings(field, ["br", "gzip"])).toEqual(expected);
  });
});

describe("paths", () => {
  test.each([
    ["/", [], true, ""],
    ["/a/b.txt", ["a", "b.txt"], false, ""],
    ["/a//b/", ["a", "b"], true, ""],
    ["/a%20b?x=/../y", ["a b"], false, "?x=/../y"],
    ["/%E6%B5%81%E3%82%8C", ["流れ"], false, ""],
    ["/.well-known/acme", [".well-known", "acme"], false, ""],
  ])("%s", (target, segments, trailingSlash, query) => {
    expect(parsePath(target)).toEqual({ ok: true, segments, trailingSlash, query });
  });

  test.each([
    ["/../etc/passwd", 404],
    ["/a/%2e%2e/b", 404],
    ["/a/..%2fb", 404],
    ["/a%2Fb", 404],
    ["/..%5cwindows", 404],
    ["/a\\b", 404],
    ["/.git/config", 404],
    ["/a/.env", 404],
    ["/a/.well-known/x", 404],
    ["/a%00.txt", 400],
    ["/%zz", 400],
    ["/%ff", 400],
    ["*", 400],
    ["", 400],
  ])("%s is refused", (target, status) => {
    expect(parsePath(target)).toEqual({ ok: false, status });
  });

  test.each(["/c:/windows", "/file.txt::$DATA", "/a%3Ab.txt"])("%s is refused only on Windows", (target) => {
    expect(parsePath(target, "win32")).toEqual({ ok: false, status: 404 });
    expect(parsePath(target, "linux").ok).toBe(true);
  });

  test("accepted paths stay below the root", () => {
    const piece = fc.constantFrom(
      "/",
      "..",
      ".",
      "%2e",
      "%2f",
      "%5c",
      "\\",
      "%00",
      "a",
      "%",
      "?",
      "#",
      ":",
      "~",
      "%c0%ae",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }), (pieces) => {
        const parsed = parsePath(`/${pieces.join("")}`);
        if (!parsed.ok) return;
        const root = `${sep}srv${sep}root`;
        expect(`${normalize(join(root, ...parsed.segments))}${sep}`.startsWith(root + sep)).toBe(true);
      }),
      { numRuns: runs(2000) },
    );
  });

  test("a redirect to a folder never names a host", () => {
    expect(folderPath([], "?q")).toBe("/?q");
    const parsed = parsePath("//evil.example//x");
    expect(parsed.ok && folderPath(parsed.segments, "")).toBe("/evil.example/x/");
  });
});
