/** The test picture: colour bars, a clock that counts frames, and a block that moves along the bottom. */

import { MACROBLOCK, MACROBLOCK_BYTES } from "./h264.ts";

/** Macroblocks. */
export const COLUMNS = 10;
export const ROWS = 6;
const CLOCK_ROW = 2;
const RUNNER_ROW = 5;

/** Brightness and colour; no zeros, which would have to be escaped. */
const BARS = [
  [180, 128, 128],
  [162, 44, 142],
  [131, 156, 44],
  [112, 72, 58],
  [84, 184, 198],
  [65, 100, 212],
  [35, 212, 114],
] as const;
const PAPER = [40, 128, 128] as const;
const INK = 235;

/** Five columns of seven bits, from the top. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  "0": [0x3e, 0x51, 0x49, 0x45, 0x3e],
  "1": [0x00, 0x42, 0x7f, 0x40, 0x00],
  "2": [0x42, 0x61, 0x51, 0x49, 0x46],
  "3": [0x21, 0x41, 0x45, 0x4b, 0x31],
  "4": [0x18, 0x14, 0x12, 0x7f, 0x10],
  "5": [0x27, 0x45, 0x45, 0x45, 0x39],
  "6": [0x3c, 0x4a, 0x49, 0x49, 0x30],
  "7": [0x01, 0x71, 0x09, 0x05, 0x03],
  "8": [0x36, 0x49, 0x49, 0x49, 0x36],
  "9": [0x06, 0x49, 0x49, 0x29, 0x1e],
  ":": [0x00, 0x36, 0x36, 0x00, 0x00],
};

const two = (value: number): string => String(value).padStart(2, "0");

/** "12:34:56:07": hours wrap, the last two digits count frames; only minutes, seconds and frames fit. */
export function clockText(frame: number, frameRate: number): string {
  const seconds = Math.floor(frame / frameRate);
  return `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}:${two(frame % frameRate)}`;
}

/** What each macroblock of a frame shows; blocks with the same text look the same. */
export function blocksOf(frame: number, frameRate: number): string[] {
  const clock = clockText(frame, frameRate);
  return Array.from({ length: COLUMNS * ROWS }, (_, index) => {
    const column = index % COLUMNS;
    const row = Math.floor(index / COLUMNS);
    if (row === CLOCK_ROW) return `glyph ${clock[column - 1] ?? " "}`;
    if (row === RUNNER_ROW) return column === frame % COLUMNS ? "runner" : "paper";
    return `bar ${column % BARS.length}`;
  });
}

const drawn = new Map<string, Uint8Array>();

/** The pixels of a block of `blocksOf`. */
export function pixelsOf(block: string): Uint8Array {
  let pixels = drawn.get(block);
  if (pixels === undefined) drawn.set(block, (pixels = draw(block)));
  return pixels;
}

function draw(block: string): Uint8Array {
  const [kind, detail = " "] = [block.split(" ")[0], block.slice(block.indexOf(" ") + 1)];
  const [brightness, blue, red] = kind === "bar" ? BARS[Number(detail)]! : PAPER;
  const pixels = new Uint8Array(MACROBLOCK_BYTES).fill(brightness, 0, 256).fill(blue, 256, 320).fill(red, 320);
  if (kind === "runner") pixels.fill(INK, 0, 256);
  if (kind !== "glyph") return pixels;
  // Each dot is two pixels wide and high.
  for (const [column, bits] of (GLYPHS[detail] ?? []).entries()) {
    for (let row = 0; row < 7; row += 1) {
      if (((bits >> row) & 1) === 0) continue;
      const at = (1 + row * 2) * MACROBLOCK + 3 + column * 2;
      pixels.fill(INK, at, at + 2).fill(INK, at + MACROBLOCK, at + MACROBLOCK + 2);
    }
  }
  return pixels;
}
