/** Durations and sizes as people write them, in files and on the command line. */

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds; undefined if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * UNITS[match[2]!]!;
}

const POWERS: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4 };

/** Bytes, with the units of SI (kB, MB: powers of 1000) and of IEC 80000-13 (KiB, MiB); undefined if it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B$/i.exec(text.trim());
  if (match === null || (match[2] === "" && match[3] !== "")) return undefined;
  return Math.round(Number(match[1]) * (match[3] === "" ? 1000 : 1024) ** POWERS[match[2]!.toUpperCase()]!);
}
