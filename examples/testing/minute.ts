// A one-minute transfer in virtual time, on both engines. Prints the digest, which is the same everywhere, and the real
// time it took. After a build: node .cache/examples/testing/minute.js [engine…]
import { simulate } from "nagare/testing";

const CHUNK = 50_000;
const CHUNKS = 590;

/** About 30 MB, produced as fast as they are read. */
function download(): Response {
  let made = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    made += 1;
    if (made > CHUNKS) controller.close();
    else controller.enqueue(new Uint8Array(CHUNK).fill(made));
  };
  return new Response(new ReadableStream({ pull }));
}

const engines = process.argv.length > 2 ? process.argv.slice(2) : ["portable", "pure"];
for (const engine of engines as ("portable" | "pure")[]) {
  const started = performance.now();
  const { value, digest, virtualTime } = await simulate(
    { seed: 7, engine, link: { rtt: 60, rate: 4e6, queue: 50, reordering: 0.001 }, handler: download },
    async (fetch) => (await (await fetch("/")).arrayBuffer()).byteLength,
  );
  console.log(`${value} bytes in ${(virtualTime / 1_000).toFixed(3)} virtual seconds: ${digest}`);
  console.error(`${process.version} ${engine}: ${((performance.now() - started) / 1_000).toFixed(2)} s`);
}
