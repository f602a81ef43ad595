/** Traffic on a chosen engine. */

import { vi } from "vitest";
import { all, openClient, openServer, sockets } from "./world.ts";

/** Runs traffic with one engine, whatever the process's is. */
export const withEngine = (engine: "portable" | "fast", run: () => Promise<unknown>) => async (): Promise<void> => {
  vi.stubEnv("NAGARE_ENGINE", engine);
  try {
    await run();
  } finally {
    vi.unstubAllEnvs();
  }
};

/** The system reports that the path of a client's socket is gone, so that its connection moves to another. */
export async function moveAway(): Promise<void> {
  const { get } = openClient(await openServer(["h3"]), "h3");
  await all(get("/"));
  sockets.at(-1)!.emit("error", Object.assign(new Error("no path"), { code: "ENETUNREACH" }));
  await all(get("/"));
}
