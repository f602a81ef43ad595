/** Draws lines: panels side by side, a line with markers for each series, dashed curves for laws. */

import type { Column, FigureColumn, Law, LineSpec, Part, Row } from "../experiment.ts";
import { formatTitle, formatValue } from "../format.ts";
import { AXIS, CHARACTER, COLORS, type Drawing, drawTitle, GRID, PLOT_WIDTH, RIGHT } from "./drawing.ts";
import { niceScale, type Scale, scaleOf } from "./scale.ts";
import { element, line, text } from "./svg.ts";

const LEFT = 64;
const GAP = 28;
const PANEL_HEIGHT = 250;
const BELOW = 48;
const LEGEND_AT = 46;
const LEGEND_LINE = 18;
/** Samples of a law in each panel. */
const SAMPLES = 80;
/** Ticks on x that are nearer to each other have one label. */
const MIN_TICK_DISTANCE = 20;

const LAW_COLORS = ["#555555", "#999999"];
const DASHES = ["6 4", "2 3"];

interface Series {
  readonly key: Row[string];
  readonly name: string;
  readonly color: string;
  readonly marker: number;
}

export function drawLines(part: Part, spec: LineSpec, all: readonly Row[]): Drawing {
  const columns = { ...part.parameters, ...part.figures };
  const rows = all.filter((row) => row.part === part.name);
  const series = seriesOf(columns[spec.series]!, spec.series, rows);
  const laws = spec.laws ?? [];
  const panels = spec.panels === undefined ? [undefined] : distinct(rows, spec.panels);
  const legend = drawLegend(series, laws);
  const top = LEGEND_AT + legend.height + (spec.panels === undefined ? 0 : LEGEND_LINE);
  const width = (PLOT_WIDTH - LEFT - RIGHT - GAP * (panels.length - 1)) / panels.length;
  const xs = distinct(rows, spec.x.column).filter((value) => typeof value === "number");
  const x = scaleOf(spec.x.scale ?? "linear", Math.min(...xs), Math.max(...xs));
  const y = niceScale(spec.y.scale ?? "linear", yValues(spec.y.column, columns[spec.y.column]!, rows));
  const areas = panels.map((panel, i): PanelArea => {
    const left = LEFT + i * (width + GAP);
    return {
      panel,
      left,
      right: left + width,
      top,
      bottom: top + PANEL_HEIGHT,
      x: (value) => place(x.position(value), left, left + width),
      y: (value) => place(y.scale.position(value), top + PANEL_HEIGHT, top),
    };
  });
  return {
    height: top + PANEL_HEIGHT + BELOW,
    content: [
      drawTitle(spec.title, LEFT),
      legend.content,
      yTitle(formatTitle(columns[spec.y.column]!), top + PANEL_HEIGHT / 2),
      ...areas.map((area, i) =>
        [
          drawAxes(area, { part, spec, xTicks: xs, yTicks: y.ticks, isFirst: i === 0 }),
          ...laws.map((law, each) => drawLaw(area, law, each, x, y.scale)),
          ...series.map((one) => drawSeries(area, one, spec, columns, rowsOfPanel(rows, spec, area.panel))),
        ].join(""),
      ),
    ].join("\n"),
  };
}

interface PanelArea {
  readonly panel: Row[string] | undefined;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Undefined for values that the axis does not have. */
  x(value: number): number | undefined;
  y(value: number): number | undefined;
}

const place = (position: number | undefined, from: number, to: number): number | undefined =>
  position === undefined ? undefined : from + position * (to - from);

const distinct = (rows: readonly Row[], column: string): readonly Row[string][] => [
  ...new Set(rows.map((row) => row[column]!)),
];

const rowsOfPanel = (rows: readonly Row[], { panels }: LineSpec, panel: Row[string] | undefined): readonly Row[] =>
  panels === undefined ? rows : rows.filter((row) => row[panels] === panel);

/** A labelled series has the same color in all plots. */
function seriesOf(column: Column, name: string, rows: readonly Row[]): readonly Series[] {
  const keys = distinct(rows, name);
  const order: readonly Row[string][] = column.labels === undefined ? keys : Object.keys(column.labels);
  return keys.map((key) => {
    const marker = order.indexOf(key);
    return { key, name: formatValue(column, key), color: COLORS[marker % COLORS.length]!, marker };
  });
}

function yValues(name: string, { spread }: FigureColumn, rows: readonly Row[]): readonly number[] {
  const names = spread === true ? [name, `${name}Lowest`, `${name}Highest`] : [name];
  return rows.flatMap((row) => names.map((each) => row[each])).filter((value) => typeof value === "number");
}

function drawLegend(series: readonly Series[], laws: readonly Law[]): Drawing {
  const entries = [
    ...series.map(({ name, color, marker }) => ({ name, color, marker, dash: undefined })),
    ...laws.map(({ name }, i) => ({ name, color: LAW_COLORS[i]!, marker: undefined, dash: DASHES[i]! })),
  ];
  let [x, y] = [LEFT, LEGEND_AT];
  const parts = entries.map(({ name, color, marker, dash }) => {
    const width = 36 + name.length * CHARACTER + 16;
    if (x + width > PLOT_WIDTH && x > LEFT) [x, y] = [LEFT, y + LEGEND_LINE];
    const at = x;
    x += width;
    return [
      element("path", {
        d: line([
          [at, y - 4],
          [at + 28, y - 4],
        ]),
        stroke: color,
        "stroke-width": 2,
        "stroke-dasharray": dash,
      }),
      ...(marker === undefined ? [] : [drawMarker(marker, at + 14, y - 4, color)]),
      text({ x: at + 36, y }, name),
    ].join("");
  });
  return { height: y - LEGEND_AT + 14, content: parts.join("") };
}

const yTitle = (title: string, middle: number): string =>
  text({ x: 16, y: middle, "text-anchor": "middle", transform: `rotate(-90 16 ${middle})` }, title);

interface AxesOptions {
  readonly part: Part;
  readonly spec: LineSpec;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  readonly isFirst: boolean;
}

function drawAxes(area: PanelArea, { part, spec, xTicks, yTicks, isFirst }: AxesOptions): string {
  const { panel, left, right, top, bottom } = area;
  const xColumn = part.parameters[spec.x.column]!;
  let labelled = Number.NEGATIVE_INFINITY;
  return [
    ...(panel === undefined || spec.panels === undefined
      ? []
      : [panelTitle(part.parameters[spec.panels]!, panel, (left + right) / 2, top - 8)]),
    ...yTicks.flatMap((tick) => {
      const y = area.y(tick)!;
      return [
        element("path", {
          d: line([
            [left, y],
            [right, y],
          ]),
          stroke: GRID,
        }),
        ...(isFirst ? [text({ x: left - 8, y: y + 4, "text-anchor": "end" }, String(tick))] : []),
      ];
    }),
    ...xTicks.flatMap((tick) => {
      const x = area.x(tick)!;
      const mark = element("path", {
        d: line([
          [x, bottom],
          [x, bottom + 5],
        ]),
        stroke: AXIS,
      });
      if (x - labelled < MIN_TICK_DISTANCE) return [mark];
      labelled = x;
      return [mark, text({ x, y: bottom + 18, "text-anchor": "middle" }, String(tick))];
    }),
    element("path", {
      d: line([
        [left, top],
        [left, bottom],
        [right, bottom],
      ]),
      fill: "none",
      stroke: AXIS,
    }),
    text({ x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle" }, formatTitle(xColumn)),
  ].join("");
}

function panelTitle(column: Column, panel: Row[string], x: number, y: number): string {
  const unit = column.unit === undefined ? "" : ` ${column.unit}`;
  return text({ x, y, "text-anchor": "middle" }, `${column.title} ${formatValue(column, panel)}${unit}`);
}

function drawSeries(
  area: PanelArea,
  { key, color, marker }: Series,
  { series, x, y }: LineSpec,
  columns: Readonly<Record<string, FigureColumn>>,
  rows: readonly Row[],
): string {
  const spread = columns[y.column]!.spread === true;
  const points = rows
    .filter((row) => row[series] === key)
    .flatMap((row) => {
      const at = [positionOf(area.x, row[x.column]), positionOf(area.y, row[y.column])] as const;
      return at[0] === undefined || at[1] === undefined ? [] : [{ row, at: at as readonly [number, number] }];
    });
  const bars = points.flatMap(({ row, at: [x] }) => {
    const [low, high] = [`${y.column}Lowest`, `${y.column}Highest`].map((name) => positionOf(area.y, row[name]));
    if (!spread || low === undefined || high === undefined || low === high) return [];
    return [
      element("path", {
        d: `${line([
          [x, low],
          [x, high],
        ])}`,
        stroke: color,
        "stroke-width": 1.5,
      }),
    ];
  });
  return [
    drawCurve(
      points.map(({ at }) => at),
      color,
    ),
    ...bars,
    ...points.map(({ at: [x, y] }) => drawMarker(marker, x, y, color)),
  ].join("");
}

const positionOf = (place: PanelArea["x"], value: Row[string] | undefined): number | undefined =>
  typeof value === "number" ? place(value) : undefined;

function drawLaw({ panel, x, y }: PanelArea, law: Law, index: number, xScale: Scale, yScale: Scale): string {
  const points = Array.from({ length: SAMPLES + 1 }, (_, i) => xScale.valueAt(i / SAMPLES)).flatMap((value) => {
    const result = law.y(value, panel ?? null);
    if (result === undefined || result < yScale.low || result > yScale.high) return [];
    return [[x(value)!, y(result)!] as const];
  });
  return xScale.low === xScale.high ? "" : drawCurve(points, LAW_COLORS[index]!, DASHES[index]);
}

function drawCurve(points: readonly (readonly [x: number, y: number])[], stroke: string, dash?: string): string {
  if (points.length < 2) return "";
  return element("path", { d: line(points), fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": dash });
}

function drawMarker(marker: number, x: number, y: number, fill: string): string {
  const r = 4;
  switch (marker % 4) {
    case 0:
      return element("circle", { cx: x, cy: y, r, fill });
    case 1:
      return element("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, fill });
    case 2:
      return element("path", {
        d: `${line([
          [x, y - 5],
          [x + 5, y + 4],
          [x - 5, y + 4],
        ])}Z`,
        fill,
      });
    default:
      return element("path", {
        d: `${line([
          [x, y - 5.5],
          [x + 5.5, y],
          [x, y + 5.5],
          [x - 5.5, y],
        ])}Z`,
        fill,
      });
  }
}
