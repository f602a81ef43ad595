/** A NAT gives the client another port in the middle of a connection (RFC 9000 §9; case 08 b), over real sockets. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { serve } from "../edge/serve.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A NAT that is being shut down forwards nothing. */
const forward = (socket: Socket, datagram: Uint8Array, port: number): void => {
  try {
    socket.send(datagram, port, "127.0.0.1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
  }
};

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  closers.push(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Forwards between one client and a server; `rebind` has it use another port towards the server. */
async function nat(serverPort: number) {
  const front = await bound();
  let client: RemoteInfo | undefined;
  const outside = async () => {
    const socket = await bound();
    socket.on("message", (datagram) => {
      if (socket === back) forward(front, datagram, client!.port);
    });
    return socket;
  };
  let back: Socket | undefined;
  back = await outside();
  front.on("message", (datagram, from) => {
    client = from;
    forward(back!, datagram, serverPort);
  });
  return {
    port: front.address().port,
    async rebind() {
      back = await outside();
    },
  };
}

async function world() {
  const ports = new Set<number>();
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...localhostIdentity },
    async (request, { remoteAddress }) => {
      ports.add(remoteAddress.port);
      const body = await request.arrayBuffer();
      return new Response(body.byteLength > 0 ? String(body.byteLength) : new Uint8Array(300_000));
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  const { port, rebind } = await nat(server.port);
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  closers.push(() => client.close({ timeout: 0 }));
  return { url: `https://127.0.0.1:${port}/`, client, rebind, ports };
}

describe("a NAT that changes its port", () => {
  test("between two requests", async () => {
    const { url, client, rebind, ports } = await world();
    await (await client.fetch(url)).arrayBuffer();
    await rebind();
    const response = await client.fetch(url);
    expect((await response.arrayBuffer()).byteLength).toBe(300_000);
    expect(client.connections()).toHaveLength(1);
    expect(ports.size).toBe(2);
  });

  test("during an upload", async () => {
    const { url, client, rebind } = await world();
    // Before its handshake is confirmed, no connection moves.
    await (await client.fetch(url)).arrayBuffer();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        pulls += 1;
        if (pulls % 10 === 0) await rebind();
        if (pulls <= 30) controller.enqueue(new Uint8Array(10_000));
        else controller.close();
      },
    });
    let pulls = 0;
    const response = await client.fetch(url, { method: "POST", body });
    expect(await response.text()).toBe("300000");
    expect(client.connections()).toHaveLength(1);
  });
});
