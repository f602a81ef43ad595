/** A NAT gives the client another port in the middle of a connection (RFC 9000 §9; case 08 b), over real sockets. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { createUdpProxy } from "../edge/connect-udp/index.ts";
import { serve } from "../edge/serve.ts";
import { deferred } from "../edge/testing/async.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createClient } from "./index.ts";
import { WebTransport, type WebTransportSession } from "./webtransport/index.ts";

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
  const used = new Set([back.address().port]);
  front.on("message", (datagram, from) => {
    client = from;
    forward(back!, datagram, serverPort);
  });
  return {
    port: front.address().port,
    /** The ports that the server has seen. */
    used,
    async rebind() {
      back = await outside();
      used.add(back.address().port);
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

describe("a tunnel whose outer connection gets another port", () => {
  test("carries an inner HTTP/3 connection on (CONNECT-UDP)", async () => {
    const seen: string[] = [];
    const target = await serve(
      { port: 0, host: "127.0.0.1", ...localhostIdentity },
      async (request, { remoteAddress }) => {
        seen.push(`${remoteAddress.port}`);
        const body = await request.arrayBuffer();
        return new Response(body.byteLength > 0 ? String(body.byteLength) : new Uint8Array(300_000));
      },
    );
    closers.push(() => target.close({ timeout: 0 }));
    const udp = createUdpProxy({ allow: [`127.0.0.1:${target.port}`] });
    let tunnels = 0;
    const proxy = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, (request, context) => {
      tunnels += 1;
      return udp.fetch(request, context);
    });
    closers.push(() => proxy.close({ timeout: 0 }));
    const { port, rebind, used } = await nat(proxy.port);
    const outer = { protocols: ["h3"] as const, rejectUnauthorized: false };
    const client = createClient({
      rejectUnauthorized: false,
      udpVia: { url: `https://127.0.0.1:${port}`, client: outer },
    });
    closers.push(() => client.destroy());
    const url = `https://127.0.0.1:${target.port}/`;
    for (let n = 0; n < 3; n += 1) {
      if (n > 0) await rebind();
      expect((await (await client.fetch(url)).arrayBuffer()).byteLength).toBe(300_000);
      const posted = await client.fetch(url, { method: "POST", body: new Uint8Array(100_000) });
      expect(await posted.text()).toBe("100000");
    }
    expect([tunnels, used.size, client.connections().length]).toEqual([1, 3, 1]);
    // The target sees one socket of the proxy: nothing was opened again.
    expect(new Set(seen).size).toBe(1);
  });

  test("keeps a WebTransport session, its open stream and its datagrams", async () => {
    const accepted = deferred<WebTransportSession>();
    const server = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, (_request, { webtransport }) => {
      const session = webtransport!.accept();
      accepted.resolve(session);
      return session.response;
    });
    closers.push(() => server.close({ timeout: 0 }));
    const { port, rebind, used } = await nat(server.port);
    const client = new WebTransport(`https://127.0.0.1:${port}/`, {
      requireUnreliable: true,
      client: { rejectUnauthorized: false },
    });
    closers.push(() => client.close());
    await client.ready;
    const session = await accepted.promise;
    const stream = await client.createBidirectionalStream();
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    await writer.write(new Uint8Array([0]));
    const { value: incoming } = await session.incomingBidirectionalStreams.getReader().read();
    incoming!.readable.pipeTo(incoming!.writable).catch(() => undefined);
    session.datagrams.readable.pipeTo(session.datagrams.writable).catch(() => undefined);
    expect((await reader.read()).value).toEqual(new Uint8Array([0]));
    const datagrams = client.datagrams.readable.getReader();
    const sent = client.datagrams.writable.getWriter();
    for (const n of [1, 2, 3]) {
      await rebind();
      await writer.write(new Uint8Array([n]));
      expect((await reader.read()).value).toEqual(new Uint8Array([n]));
      await sent.write(new Uint8Array([n, n]));
      expect((await datagrams.read()).value).toEqual(new Uint8Array([n, n]));
    }
    expect(used.size).toBe(4);
    client.close({ closeCode: 7, reason: "moved thrice" });
    expect(await session.closed).toEqual({ closeCode: 7, reason: "moved thrice" });
  });
});
