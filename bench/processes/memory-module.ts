/**
 * A module for `nagare serve`: `/memory/N` answers N bytes from memory, and a POST is read to its end and answered with its
 * number of bytes. The peers' programs do the same.
 */

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
      return new Response(`${bytes}`);
    }
    const size = /\/memory\/(\d+)$/.exec(request.url)?.[1];
    return size === undefined ? new Response("not found", { status: 404 }) : new Response(bodyOf(size));
  },
};
