/** What all plots share: their size, colors and title. Lengths are pixels. */

import { text } from "./svg.ts";

export const PLOT_WIDTH = 860;
/** The margin on the right. */
export const RIGHT = 16;
/** Width of one character, roughly. */
export const CHARACTER = 7.2;
export const GRID = "#dddddd";
export const AXIS = "#333333";
/** Distinguishable with any color vision (Okabe and Ito). */
export const COLORS = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#222222", "#56b4e9"];
const TITLE_AT = 22;

export interface Drawing {
  readonly height: number;
  /** The content of an SVG element of PLOT_WIDTH × height. */
  readonly content: string;
}

export const drawTitle = (title: string, x: number): string =>
  text({ x, y: TITLE_AT, "font-size": 15, "font-weight": "bold" }, title);
