/** When files changed last. */

import { stat } from "node:fs/promises";

/** Milliseconds since 1970; undefined if there is no such file. */
export async function touchedAt(name: string): Promise<number | undefined> {
  try {
    const { mtimeMs } = await stat(name);
    return mtimeMs;
  } catch {
    return undefined;
  }
}
