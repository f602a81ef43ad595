/** Runs in the page: looks at the player for each frame of the screen. */

/** Figures of `<nagare-live>` that are used here. */
interface Reading {
  readonly state: string;
  readonly dialect: string | undefined;
  readonly engine: string | undefined;
  readonly path: string | undefined;
  readonly latency: number | undefined;
  readonly position: number | undefined;
  readonly shown: number;
  readonly silent: number;
  readonly skipped: number;
}

export interface Measured {
  readonly latencies: readonly number[];
  /** Pictures that were looked at, and those whose number is that of their time. */
  readonly frames: number;
  readonly readBack: number;
  readonly shown: number;
  /** Milliseconds. */
  readonly silent: number;
  readonly skipped: number;
  readonly path: string;
}

interface Settings {
  readonly seconds: number;
  readonly film: boolean;
  readonly bits: number;
  readonly box: number;
}

/** A canvas's context, as far as it is used: this program has no DOM's types. */
interface Pixels {
  drawImage(image: unknown, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

/** Runs in the page, too. */
export function isPlaying({ dialect, engine }: Pick<Reading, "dialect" | "engine">): boolean {
  const { document } = globalThis as unknown as {
    readonly document: { querySelector(selector: string): { readonly stats: Reading | undefined } };
  };
  const { stats } = document.querySelector("nagare-live");
  return stats?.state === "playing" && stats.dialect === dialect && stats.engine === engine;
}

/** Its text goes to the page: nothing outside of it may be used. */
export async function measure({ seconds, film, bits, box }: Settings): Promise<Measured> {
  const scope = globalThis as unknown as {
    readonly document: { querySelector(selector: string): { readonly stats: Reading; readonly screen: unknown } };
    readonly OffscreenCanvas: new (
      width: number,
      height: number,
    ) => { getContext(kind: "2d", options: object): Pixels };
    requestAnimationFrame(callback: () => void): void;
  };
  const player = scope.document.querySelector("nagare-live");
  const [width, height] = film ? [640, 360] : [160, 96];
  const pixels = new scope.OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  const isWhite = (x: number, y: number): boolean => pixels.getImageData(x, y, 1, 1).data[0]! > 150;
  /** Of the test source's clock, seven rows of dots of two pixels; columns as bits from the top. */
  const glyphs = [
    "3e5149453e",
    "00427f4000",
    "4261514946",
    "2141454b31",
    "1814127f10",
    "2745454539",
    "3c4a494930",
    "0171090503",
    "3649494936",
    "064949291e",
  ];
  const digit = (block: number): number => {
    let text = "";
    for (let column = 0; column < 5; column += 1) {
      let value = 0;
      for (let row = 0; row < 7; row += 1) {
        if (isWhite(block * 16 + 3 + column * 2, 32 + 1 + row * 2)) value |= 1 << row;
      }
      text += value.toString(16).padStart(2, "0");
    }
    return glyphs.indexOf(text);
  };
  const clockFrame = (): number => {
    const [m1, m2, s1, s2, f1, f2] = [1, 2, 4, 5, 7, 8].map(digit) as [number, number, number, number, number, number];
    return ((m1 * 10 + m2) * 60 + s1 * 10 + s2) * 30 + f1 * 10 + f2;
  };
  const filmFrame = (): number => {
    let number = 0;
    for (let bit = 0; bit < bits; bit += 1) if (isWhite(bit * box + box / 2, box / 2)) number += 2 ** bit;
    return number;
  };
  const begin = player.stats;
  const latencies: number[] = [];
  let frames = 0;
  let readBack = 0;
  const wrap = film ? 2 ** bits : 60 * 60 * 30;
  const until = performance.now() + seconds * 1_000;
  let last: number | undefined;
  while (performance.now() < until) {
    await new Promise<void>((resolve) => scope.requestAnimationFrame(resolve));
    const { latency, position } = player.stats;
    if (position === undefined || position === last) continue;
    last = position;
    pixels.drawImage(player.screen, 0, 0, width, height);
    if (latency !== undefined) latencies.push(latency);
    frames += 1;
    const apart = Math.abs((film ? filmFrame() : clockFrame()) - ((position * 30) % wrap));
    // A media element's time runs between two pictures.
    if (Math.min(apart, wrap - apart) <= 2) readBack += 1;
  }
  const end = player.stats;
  return {
    latencies,
    frames,
    readBack,
    shown: end.shown - begin.shown,
    silent: end.silent - begin.silent,
    skipped: end.skipped - begin.skipped,
    path: end.path ?? "nothing",
  };
}
