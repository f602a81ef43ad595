// The client proves its address to a server that it has visited with a token of that visit (RFC 9000 §8.1.3).
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import { portableEngine } from "../crypto/portable/index.ts";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { ResetTokens } from "../quic/endpoint/reset-tokens.ts";
import { StatelessReplies } from "../quic/endpoint/stateless-replies.ts";
import { connectionConfig, TRANSPORT_ERRORS } from "../quic/index.ts";
import { headersOf } from "../quic/testing/initial.ts";
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

/** A server that refuses every Initial with a token, in front of one that ignores it. */
async function refusing(port: number) {
  const refused: Uint8Array[] = [];
  const config = connectionConfig({ engine: portableEngine, rng: new SeededRng(1) });
  const tokens = new ResetTokens(config.engine, config.connectionIds, new Uint8Array(32));
  const replies = new StatelessReplies(config, tokens);
  const front = createSocket("udp4");
  const behind = new Map<number, Socket>();
  front.on("message", (datagram, client) => {
    const header = headersOf(datagram)[0];
    if (header?.form === "initial" && header.token.length > 0) {
      refused.push(header.token.slice());
      const address = { family: 4, host: client.address, port: client.port } as const;
      replies.refuse(header, TRANSPORT_ERRORS.INVALID_TOKEN.code, address, address, 0 as Instant);
      const arena = new Uint8Array(1_500);
      const { length } = replies.poll({ arena })!;
      front.send(arena.subarray(0, length), client.port, client.address);
      return;
    }
    let socket = behind.get(client.port);
    if (socket === undefined) {
      socket = createSocket("udp4");
      behind.set(client.port, socket);
      socket.on("message", (answer) => front.send(answer, client.port, client.address));
    }
    socket.send(datagram, port, "127.0.0.1");
  });
  front.bind(0, "127.0.0.1");
  await once(front, "listening");
  closing.push(async () => {
    for (const socket of [front, ...behind.values()]) socket.close();
  });
  return { refused, port: front.address().port };
}

test("a server that refuses the token is tried again without it", async () => {
  const client = openClient();
  const open = async (port: number) => {
    const options = { port, host: "127.0.0.1", ...issued, log: () => {}, retry: "never" } as const;
    const server = await serve(options, () => new Response("ok"));
    closing.push(() => server.close({ timeout: 0 }));
    return server;
  };
  const server = await open(0);
  const front = await refusing(server.port);
  await retryOf(client, front.port);
  expect(front.refused).toHaveLength(0);
  await server.close();
  await open(server.port);
  await retryOf(client, front.port);
  expect(front.refused).toHaveLength(1);
});
