import { describe, expect, test } from "vitest";
import { type PlotSpec, part, type Row, type Values } from "../experiment.ts";
import { plotDocument } from "./document.ts";

const sample = part({
  name: "speed",
  title: "Speed",
  setup: "None.",
  parameters: {
    who: { title: "runner", labels: { a: "A & B", c: "<C>" } },
    way: { title: "way", unit: "km" },
    place: { title: "place" },
  },
  figures: { time: { title: "time", unit: "min", digits: 1, spread: true } },
  cells: [],
  isQuick: () => false,
  repetitions: 1,
  measure: () => ({}),
  plots: [],
});

const row = (values: Values): Row => ({ part: "speed", ...values });
const ROWS = [
  row({ who: "a", way: 1, place: 1, time: 5, timeLowest: 4, timeHighest: 6 }),
  row({ who: "a", way: 5, place: 1, time: 30, timeLowest: 30, timeHighest: 30 }),
  row({ who: "c", way: 1, place: 1, time: 6, timeLowest: 6, timeHighest: 6 }),
  row({ who: "c", way: 5, place: 2, time: null }),
  row({ who: "c", way: 10, place: 2, time: 70, timeLowest: 60, timeHighest: 81 }),
  { part: "other", who: "a", way: 1_000, place: 9, time: 9_999 },
];

const LINES: PlotSpec = {
  kind: "lines",
  title: "Time & way",
  x: { column: "way", scale: "log" },
  y: { column: "time" },
  series: "who",
  laws: [{ name: "5 min/km", y: (way) => (way > 8 ? undefined : 5 * way) }],
};
const BARS: PlotSpec = { kind: "bars", title: "Times", category: "who", value: "time", where: { way: 1 } };

const texts = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
const count = (svg: string, pattern: RegExp): number => [...svg.matchAll(pattern)].length;

/** Fails if elements are not closed in order, or if a number is missing or too long. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, rest] of svg.matchAll(/<(\/?)([a-z]+)((?:[^<>"]|"[^"]*")*)>/g)) {
    if (closing === "/") expect(open.pop()).toBe(name);
    else if (!rest!.endsWith("/")) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(svg.match(/NaN|Infinity|undefined|d=""/)).toBeNull();
  expect(svg.match(/&(?!amp;|lt;|gt;|quot;)/)).toBeNull();
  // Further digits could differ between machines.
  expect(svg.match(/\d\.\d{3}/)).toBeNull();
}

describe("lines", () => {
  const svg = plotDocument(sample, LINES, ROWS);

  test("are well-formed SVG without outside references", () => {
    expectWellFormed(svg);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(|href/);
  });

  test("name the axes with their units, the series, the laws, and the values of x", () => {
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        "Time &amp; way",
        "way (km)",
        "time (min)",
        "A &amp; B",
        "&lt;C&gt;",
        "5 min/km",
        "1",
        "5",
        "10",
      ]),
    );
    expect(texts(svg)).not.toContain("1000");
  });

  test("have a marker per value and a bar per spread; a missing value has neither", () => {
    // One more marker of each series is in the legend.
    expect(count(svg, /<circle/g)).toBe(2 + 1);
    expect(count(svg, /<rect x=/g)).toBe(2 + 1);
    expect(count(svg, /stroke-width="1.5"/g)).toBe(2);
  });

  test("have panels side by side", () => {
    const panels = plotDocument(sample, { ...LINES, panels: "place" }, ROWS);
    expectWellFormed(panels);
    expect(texts(panels)).toEqual(expect.arrayContaining(["place 1", "place 2"]));
    expect(texts(panels).filter((text) => text === "way (km)")).toHaveLength(2);
  });

  test("of a single value of x are drawn", () => {
    expectWellFormed(plotDocument(sample, LINES, ROWS.slice(0, 1)));
  });
});

test("bars have the length of their values", () => {
  const svg = plotDocument(sample, BARS, ROWS);
  expectWellFormed(svg);
  expect(texts(svg)).toEqual(expect.arrayContaining(["Times", "A &amp; B", "&lt;C&gt;", "time (min)"]));
  const [a, c] = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(c! / a!).toBeCloseTo(6 / 5, 2);
});
