/**
 * The seeds of a simulation's runs: those in NAGARE_SEEDS (`1,2,3`), all in CI (NAGARE_ALL_SEEDS), and otherwise so many that
 * `npm test` takes a few minutes.
 */

export const ALL_SEEDS = process.env.NAGARE_ALL_SEEDS !== undefined;

export function seedsOf({ all, some }: { readonly all: number; readonly some: number }): number[] {
  const given = process.env.NAGARE_SEEDS?.split(",").map(Number);
  return given ?? Array.from({ length: ALL_SEEDS ? all : some }, (_, i) => i + 1);
}
