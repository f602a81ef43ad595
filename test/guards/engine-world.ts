/** Traffic on a chosen engine. */

import { vi } from "vitest";

/** Runs traffic with one engine, whatever the process's is. */
export const withEngine = (engine: "portable" | "fast", run: () => Promise<unknown>) => async (): Promise<void> => {
  vi.stubEnv("NAGARE_ENGINE", engine);
  try {
    await run();
  } finally {
    vi.unstubAllEnvs();
  }
};
