/** Plots as SVG files. */

import type { Experiment, Part, PlotSpec, Row } from "../experiment.ts";
import { drawBars } from "./bar-plot.ts";
import { type Drawing, PLOT_WIDTH } from "./drawing.ts";
import { drawLines } from "./line-plot.ts";
import { element, escapeXml } from "./svg.ts";

/** Pixels between plots. */
const GAP = 12;

/** A file with one plot. */
export const plotDocument = (part: Part, spec: PlotSpec, rows: readonly Row[]): string =>
  svgDocument(spec.title, [drawPlot(part, spec, rows)]);

/** A file with all plots of an experiment, one below the other. */
export const experimentDocument = ({ title, parts }: Experiment, rows: readonly Row[]): string =>
  svgDocument(
    title,
    parts
      .filter((part) => rows.some((row) => row.part === part.name))
      .flatMap((part) => part.plots.map((spec) => drawPlot(part, spec, rows))),
  );

function svgDocument(title: string, drawings: readonly Drawing[]): string {
  let height = 0;
  const groups = drawings.map((drawing) => {
    const group = element("g", { transform: `translate(0 ${height})` }, drawing.content);
    height += drawing.height + GAP;
    return group;
  });
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width: PLOT_WIDTH,
    height,
    viewBox: `0 0 ${PLOT_WIDTH} ${height}`,
    role: "img",
    "font-family": "'DejaVu Sans', Verdana, Arial, sans-serif",
    "font-size": 12,
    fill: "#222222",
  };
  const content = [
    element("title", {}, escapeXml(title)),
    element("rect", { width: PLOT_WIDTH, height, fill: "#ffffff" }),
    ...groups,
  ];
  return `${element("svg", attributes, `\n${content.join("\n")}\n`)}\n`;
}

const drawPlot = (part: Part, spec: PlotSpec, rows: readonly Row[]): Drawing =>
  spec.kind === "lines" ? drawLines(part, spec, rows) : drawBars(part, spec, rows);
