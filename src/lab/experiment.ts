/**
 * What an experiment is: parts, each a sweep of parameters with figures measured by simulation in virtual time, and
 * claims of papers and RFCs that the figures support or refute. An experiment has no other input than the seed.
 */

import type { CryptoEngine } from "../crypto/engine.ts";

/** Parameters or figures of one row, by column. `null`: not applicable. */
export type Values = Readonly<Record<string, string | number | null>>;

export interface Column {
  /** The heading in tables and on axes. */
  readonly title: string;
  readonly unit?: string;
  /** Decimal places of numbers in tables; 0 by default. */
  readonly digits?: number;
  /** Names of values that are keys. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface FigureColumn extends Column {
  /** True if rows also hold the lowest and highest value of the repetitions, as `NAMELowest` and `NAMEHighest`. */
  readonly spread?: boolean;
}

/** One simulation. */
export interface Run {
  /** Different in each repetition. */
  readonly seed: number;
  /** Its choice does not change the figures. */
  readonly engine: CryptoEngine;
}

export type ScaleName = "linear" | "log" | "sqrt";

export interface Axis {
  readonly column: string;
  /** Linear by default. */
  readonly scale?: ScaleName;
}

/** A plot over the rows of a part. */
export type PlotSpec = LineSpec | BarSpec;

/** Lines. The values of x are its ticks. */
export interface LineSpec {
  readonly kind: "lines";
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** The column whose values become lines. */
  readonly series: string;
  /** The column whose values become panels side by side. */
  readonly panels?: string;
  /** Curves of a formula, beside the measured ones. */
  readonly laws?: readonly Law[];
}

/** Horizontal bars. */
export interface BarSpec {
  readonly kind: "bars";
  readonly title: string;
  /** The column of their names. */
  readonly category: string;
  /** The column of their lengths. */
  readonly value: string;
  /** The rows to show. */
  readonly where: Values;
}

export interface Law {
  readonly name: string;
  /** Undefined where the law does not hold. */
  y(x: number, panel: string | number | null): number | undefined;
}

export interface Part<Cell extends Values = Values> {
  readonly name: string;
  readonly title: string;
  /** The network and the load, in a few sentences. */
  readonly setup: string;
  readonly parameters: Readonly<Record<string, Column>>;
  readonly figures: Readonly<Record<string, FigureColumn>>;
  readonly cells: readonly Cell[];
  /** True for the cells of a quick run: a few of `cells`, which give the same rows as in a full run. */
  isQuick(cell: Cell): boolean;
  /** Runs per cell; figures are their means. */
  readonly repetitions: number;
  measure(cell: Cell, run: Run): Values;
  readonly plots: readonly PlotSpec[];
}

/** The parameters and figures of one cell. */
export type Row = Values & { readonly part: string };

export interface Claim {
  readonly name: string;
  /** Paper or RFC, with the section. */
  readonly source: string;
  readonly theirs: string;
  readonly ours: string;
  readonly met: boolean;
}

export interface ClaimSpec {
  readonly name: string;
  readonly source: string;
  readonly theirs: string;
  /** Compares the rows with the claim. Undefined if they do not suffice, as in quick runs. */
  judge(rows: readonly Row[]): { readonly ours: string; readonly met: boolean } | undefined;
}

export interface Experiment {
  /** A short and stable name, for `nagare lab run`. */
  readonly name: string;
  readonly title: string;
  /** One line, for `nagare lab list`. */
  readonly summary: string;
  /** How long a full run takes, roughly. */
  readonly takes: string;
  readonly parts: readonly Part[];
  readonly claims: readonly ClaimSpec[];
}

/** A result, in the form that `nagare lab run --json` prints. */
export interface Result {
  readonly name: string;
  readonly seed: number;
  readonly rows: readonly Row[];
  readonly claims: readonly Claim[];
}

/** Hides the type of a part's cells, which only its own functions need. */
export const part = <Cell extends Values>(of: Part<Cell>): Part => of as Part<Values> as Part;
