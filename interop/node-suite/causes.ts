/** Why files fail with our server and pass with node:https. */

export const CAUSES: Readonly<Record<string, readonly string[]>> = {};

/** The recorded cause of a file's failure. */
export const causeOf = (name: string): string | undefined =>
  Object.keys(CAUSES).find((cause) => CAUSES[cause]!.includes(name));
