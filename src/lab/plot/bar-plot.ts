/** Draws horizontal bars with their values. */

import type { BarSpec, Part, Row } from "../experiment.ts";
import { formatTitle, formatValue } from "../format.ts";
import { rowsOf } from "../rows.ts";
import { AXIS, CHARACTER, COLORS, type Drawing, drawTitle, GRID, PLOT_WIDTH, RIGHT } from "./drawing.ts";
import { niceScale } from "./scale.ts";
import { element, line, text } from "./svg.ts";

const TOP = 38;
const BELOW = 46;
const BAR = 16;
const STEP = 24;

export function drawBars(part: Part, { title, category, value, where }: BarSpec, all: readonly Row[]): Drawing {
  const columns = { ...part.parameters, ...part.figures };
  const bars = rowsOf(all, part.name, where).map((row) => ({
    name: formatValue(columns[category]!, row[category]),
    length: Number(row[value]),
  }));
  const left = Math.max(...bars.map(({ name }) => name.length)) * CHARACTER + 16;
  const bottom = TOP + bars.length * STEP;
  const { scale, ticks } = niceScale(
    "linear",
    bars.map(({ length }) => length),
  );
  const xOf = (length: number): number => left + scale.position(length)! * (PLOT_WIDTH - RIGHT - left);
  const content = [
    drawTitle(title, left),
    ...ticks.flatMap((tick) => [
      element("path", {
        d: line([
          [xOf(tick), TOP],
          [xOf(tick), bottom],
        ]),
        stroke: GRID,
      }),
      text({ x: xOf(tick), y: bottom + 18, "text-anchor": "middle" }, String(tick)),
    ]),
    ...bars.flatMap(({ name, length }, i) => {
      const y = TOP + i * STEP + (STEP - BAR) / 2;
      return [
        text({ x: left - 8, y: y + 12, "text-anchor": "end" }, name),
        element("rect", { x: left, y, width: xOf(length) - left, height: BAR, fill: COLORS[0] }),
      ];
    }),
    element("path", {
      d: line([
        [left, TOP],
        [left, bottom],
      ]),
      stroke: AXIS,
    }),
    text({ x: (left + PLOT_WIDTH) / 2, y: bottom + 38, "text-anchor": "middle" }, formatTitle(columns[value]!)),
  ];
  return { height: bottom + BELOW, content: content.join("") };
}
