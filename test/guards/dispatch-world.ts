/** Traffic of nagare/undici. */
import { request } from "undici";
import { Agent } from "../../src/undici/index.ts";
import { openServer } from "./world.ts";

export async function* failing(): AsyncGenerator<Buffer> {
  yield Buffer.from("begun");
  throw new Error("the body failed");
}

/** A POST to the server, whatever becomes of it, and the end of its connection. */
export async function dispatched(body: string | AsyncIterable<Uint8Array>): Promise<void> {
  const server = await openServer();
  const dispatcher = new Agent({ protocols: ["h2"], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  try {
    const options = { dispatcher, method: "POST", body: body as never } as const;
    await (await request(`https://localhost:${server.port}/echo`, options)).body.dump();
  } catch {
    // The fault ended it.
  } finally {
    await dispatcher.destroy();
  }
}
