// The client proves its address to a server that it has visited with a token of that visit (RFC 9000 §8.1.3).
import { afterEach, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { type Client, createClient, type QuicClientOptions } from "./index.ts";

const { authority, issued } = testCertificate();
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Starts a server that wants proof from every client. */
async function up(port = 0, resetKey = new Uint8Array(32).fill(3)) {
  const server = await serve(
    { port, host: "127.0.0.1", ...issued, log: () => {}, retry: "always", resetKey },
    () => new Response("ok"),
  );
  closing.push(() => server.close({ timeout: 0 }));
  return server;
}

function openClient(quic?: QuicClientOptions): Client {
  const client = createClient({ ca: authority.ca, protocols: ["h3"], quic });
  closing.push(() => client.destroy());
  return client;
}

/** "seen" if the connection of a request began with a Retry. */
async function retryOf(client: Client, port: number): Promise<unknown> {
  const response = await client.fetch(`https://localhost:${port}/`);
  expect(await response.text()).toBe("ok");
  return client.facts(response)!.stats().details.retry;
}

/** The server is replaced by another on the same port, so that the client must connect again. */
async function restart(server: Awaited<ReturnType<typeof up>>, resetKey?: Uint8Array<ArrayBuffer>) {
  await server.close();
  return up(server.port, resetKey);
}

test.each<QuicClientOptions>([{}, { version: "v2" }])(
  "the second connection (%j) needs no Retry, nor does the third",
  async (quic) => {
    const client = openClient(quic);
    let server = await up();
    expect(await retryOf(client, server.port)).toBe("seen");
    for (let n = 0; n < 2; n += 1) {
      server = await restart(server);
      expect(await retryOf(client, server.port)).toBeUndefined();
    }
    // Another client has no token.
    expect(await retryOf(openClient(quic), server.port)).toBe("seen");
  },
);

test("a server with another key ignores the token", async () => {
  const client = openClient();
  const server = await up();
  await retryOf(client, server.port);
  await restart(server, new Uint8Array(32).fill(4));
  expect(await retryOf(client, server.port)).toBe("seen");
});
