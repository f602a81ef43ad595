/** Closing a client settles whatever its responses do; and a closed port is detected immediately. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function open(options: ClientOptions): Client {
  const client = createClient({ rejectUnauthorized: false, ...options });
  closers.push(() => client.destroy());
  return client;
}

const chunk = new Uint8Array(64 * 1024);

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (protocol) => {
  async function endless(): Promise<string> {
    const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, () => {
      const body = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
      return new Response(body);
    });
    closers.push(() => server.close({ timeout: 0 }));
    return server.url.href;
  }

  test("close() settles when the last response is aborted", async () => {
    const client = open({ protocols: [protocol] });
    const abort = new AbortController();
    const response = await client.fetch(await endless(), { signal: abort.signal });
    const closing = client.close({ timeout: Number.POSITIVE_INFINITY });
    abort.abort();
    await closing;
    await expect(response.text()).rejects.toThrow();
    expect(client.connections()).toEqual([]);
  });

  test("close() aborts unread responses after its timeout", async () => {
    const client = open({ protocols: [protocol] });
    const response = await client.fetch(await endless());
    await client.close({ timeout: 20 });
    expect(client.connections()).toEqual([]);
    await expect(response.text()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });
});

test("close() refuses an invalid timeout", async () => {
  await expect(open({}).close({ timeout: Number.NaN })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
});

/** A port that was just free for TCP and UDP. */
/**
 * A port where nothing listens. Until the test ends, a connected socket keeps its UDP half from others: the kernel refuses
 * datagrams that are not from that socket's peer, which is the socket itself.
 */
async function closedPort(): Promise<number> {
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4");
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  closers.push(() => new Promise<void>((resolve) => udp.close(resolve)));
  await new Promise<void>((resolve) => udp.connect(port, "127.0.0.1", resolve));
  await new Promise((resolve) => tcp.close(resolve));
  return port;
}

describe("a closed port", () => {
  test.each([[["http/1.1", "h2"]], [["h3", "h2", "http/1.1"]], [["h3"]]] as const)(
    "is refused without waiting, over %s",
    async (protocols) => {
      const port = await closedPort();
      // If only connectTimeout ended the attempt, the test would time out.
      const client = open({ protocols, connectTimeout: 3_600_000 });
      const error = await client.fetch(`https://127.0.0.1:${port}/`).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "CONNECTION_REFUSED" });
      if (protocols.length === 1) {
        expect((error as Error).message).toBe(
          `nothing is listening at 127.0.0.1 (127.0.0.1) port ${port} over QUIC (UDP)`,
        );
      }
    },
  );
});
