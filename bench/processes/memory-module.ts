/**
 * A module for `nagare serve`: `/memory/N` answers N bytes from memory, and a POST is read to its end and answered with its
 * number of bytes. The peers' programs do the same.
 */

/** Of the library that `nagare serve` runs, which is not compiled with the benchmarks. */
const LIBRARY = new URL("../../../dist/edge/index.js", import.meta.url).href;
const { Response: LightResponse } = (await import(LIBRARY)) as typeof import("../../src/edge/index.ts");

const bodies = new Map<string, Uint8Array<ArrayBuffer>>();

function bodyOf(size: string): Uint8Array<ArrayBuffer> {
  let body = bodies.get(size);
  if (body === undefined) bodies.set(size, (body = new Uint8Array(Number(size)).fill(0x61)));
  return body;
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") {
      let bytes = 0;
      for await (const chunk of request.body!) bytes += chunk.length;
      return new LightResponse(`${bytes}`);
    }
    const size = /\/memory\/(\d+)$/.exec(request.url)?.[1];
    return size === undefined ? new LightResponse("not found", { status: 404 }) : new LightResponse(bodyOf(size));
  },
};
