/** Honest clients with a modest request rate: some keep a connection, one opens a new one for each request. */

import { createClient } from "../../src/client/index.ts";
import type { SteadyDone, SteadyOrder } from "../messages.ts";

const STANDING = 4;
/** Milliseconds between the requests of a client, and between new connections. */
const PAUSE = 20;
const NEW_CONNECTION_PAUSE = 100;

async function run({ url, ca, seconds, protocols = ["h3"] }: SteadyOrder): Promise<SteadyDone> {
  const end = performance.now() + seconds * 1_000;
  const requests: number[] = [];
  const handshakes: number[] = [];
  let failures = 0;
  let created = 0;
  const create = () =>
    createClient({
      protocols: [protocols[created++ % protocols.length]!],
      ca,
      resolve: () => ["127.0.0.1"],
      connectTimeout: 10_000,
    });
  const timed = async (client: ReturnType<typeof create>, times: number[]): Promise<void> => {
    const started = performance.now();
    try {
      const response = await client.fetch(url);
      await response.arrayBuffer();
    } catch {
      failures += 1;
    }
    times.push(performance.now() - started);
  };
  const standing = async (): Promise<void> => {
    const client = create();
    await timed(client, []);
    while (performance.now() < end) {
      await timed(client, requests);
      await pause(PAUSE);
    }
    await client.close();
  };
  const changing = async (): Promise<void> => {
    while (performance.now() < end) {
      const client = create();
      await timed(client, handshakes);
      await client.close();
      await pause(NEW_CONNECTION_PAUSE);
    }
  };
  await Promise.all([changing(), ...Array.from({ length: STANDING }, standing)]);
  return { requests, handshakes, failures };
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

process.on("message", (order: SteadyOrder) => {
  run(order).then((done) => process.send!(done));
});

process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
