/** Arithmetic on figures, with explicit rounding, so that every machine prints the same digits. */

/** Rounds to decimal places. */
export const round = (value: number, digits = 0): number => {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
};

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export const megabits = (bytes: number, seconds: number): number => (bytes * 8) / seconds / 1e6;

/** All combinations, the last list varying fastest. */
export const product = <Lists extends Readonly<Record<string, readonly (string | number)[]>>>(
  lists: Lists,
): readonly { readonly [Name in keyof Lists]: Lists[Name][number] }[] =>
  Object.entries(lists).reduce<Record<string, string | number>[]>(
    (cells, [name, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value }))),
    [{}],
  ) as { [Name in keyof Lists]: Lists[Name][number] }[];
