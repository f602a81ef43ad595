/**
 * The number of examples of a property test. `npm run properties` multiplies it, so a property with its own number
 * passes it through `runs`; `configure.ts` handles the others.
 */

/** 1 by default. */
export const PROPERTY_SCALE = Number(process.env.NAGARE_PROPERTY_SCALE ?? 1);

export const runs = (count: number): number => count * PROPERTY_SCALE;
