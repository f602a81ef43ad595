/**
 * How many examples a property test tries. `npm run properties` multiplies them all, so a property with a number of its
 * own asks `runs` for it; the others get theirs by `configure.ts`.
 */

/** 1 unless the environment says otherwise. */
export const PROPERTY_SCALE = Number(process.env.NAGARE_PROPERTY_SCALE ?? 1);

export const runs = (count: number): number => count * PROPERTY_SCALE;
