// The client thread of the race.
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "nagare/client";
import { type RaceOptions, type Run, SMALL_COUNT } from "./race.ts";

const PROTOCOLS = ["h3", "h2", "http/1.1"] as const;
/** The usual browser limit per origin. */
const HTTP1_CONNECTIONS = 6;
const MAX_SAMPLES = 120;

const { url, ca, load } = workerData as RaceOptions;
const paths =
  load === "large" ? ["/download/large"] : Array.from({ length: SMALL_COUNT }, (_, n) => `/download/small/${n}`);

for (const protocol of PROTOCOLS) {
  await run(protocol, ["/download/small/0"]); // Loads and warms up the code, equally for all protocols.
  parentPort!.postMessage(await run(protocol, paths));
}

async function run(protocol: Run["protocol"], wanted: readonly string[]): Promise<Run> {
  const client = createClient({ protocols: [protocol], ca, maxConnections: HTTP1_CONNECTIONS });
  const start = performance.now();
  const samples: [number, number][] = [];
  let bytes = 0;
  let handshake = 0;
  await Promise.all(
    wanted.map(async (path, index) => {
      const response = await client.fetch(new URL(path, url));
      if (index === 0) handshake = (client.facts(response)!.connection.handshakeEnd ?? start) - start;
      for await (const chunk of response.body!) {
        bytes += chunk.byteLength;
        samples.push([performance.now() - start, bytes]);
      }
    }),
  );
  const total = performance.now() - start;
  const connections = client.connections().length;
  await client.close();
  return {
    protocol,
    handshake,
    firstByte: samples[0]?.[0] ?? total,
    total,
    bytes,
    connections,
    samples: thin(samples),
  };
}

function thin(samples: readonly [number, number][]): [number, number][] {
  const step = Math.max(1, Math.ceil(samples.length / MAX_SAMPLES));
  return samples.filter((_, index) => index % step === 0 || index === samples.length - 1);
}
