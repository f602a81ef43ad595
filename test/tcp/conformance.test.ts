/** docs/conformance/rfc9293.md says what the tests show. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FILES, MUSTS, requirementsPage, SHOULDS } from "./requirements.ts";

const read = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8");

/** The first arguments of `test` and `test.each(…)`, and the first cells of its rows. */
const titlesIn = (text: string): string[] =>
  [...text.matchAll(/(?:\btest\(\s*|\]\)\(\s*|^\s*\[)"((?:[^"\\]|\\.)*)"/gm)].map(([, title]) => title!);

test("each label of Appendix B has one row", () => {
  const labels = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
  expect(MUSTS.map((row) => row.labels)).toEqual(labels("MUST", 69));
  expect(SHOULDS.map((row) => row.labels)).toEqual([...labels("SHLD", 31), "REC-1"]);
});

test("66 MUSTs have a test, and the three others are source routes", () => {
  expect(MUSTS.filter((row) => row.isDeviation).map((row) => row.labels)).toEqual(["MUST-51", "MUST-52", "MUST-53"]);
  expect(MUSTS.filter((row) => row.test !== undefined)).toHaveLength(66);
});

test("each test that a row names exists", () => {
  // A title is the first argument of `test`, or the first cell of a row of `test.each`.
  const titles = Object.fromEntries(Object.entries(FILES).map(([name, path]) => [name, titlesIn(read(path))]));
  for (const { labels, test: shownBy } of [...MUSTS, ...SHOULDS]) {
    if (shownBy === undefined) continue;
    const [file, words] = shownBy;
    const isThere = titles[file]!.some((title) => title.includes(words));
    expect(isThere, `${labels}: ${FILES[file]} has no test "${words}"`).toBe(true);
  }
});

test("the page is up to date: npx jiti scripts/rfc9293.ts", () => {
  expect(read("docs/conformance/rfc9293.md")).toBe(requirementsPage());
});
