/** A load generator under way. */

import { micros, millis } from "../../src/base/time.ts";
import { LoadGenerator, type LoadOptions } from "../../src/client/load/index.ts";
import { all, openServer, retire } from "./world.ts";

/** Requests at a rate that makes the generator wait in turns of the event loop; `dies` closes the server meanwhile. */
export async function generated({ dies = false } = {}): Promise<void> {
  const server = await openServer(["h2"]);
  let closing: Promise<void> | undefined;
  const options: LoadOptions = {
    url: new URL(server.url),
    protocol: "h2",
    method: "GET",
    fields: [],
    ...{ connections: 2, streams: 2, rate: 1_000, duration: millis(dies ? 5_000 : 300), timeout: millis(1_000) },
    client: { rejectUnauthorized: false },
    onProgress: ({ elapsed }) => {
      if (dies && elapsed > micros(100)) closing ??= server.close({ timeout: 0 });
    },
  };
  await all(new LoadGenerator(options).run());
  await closing;
  if (dies) retire();
}
