/** Tunnels (RFC 9110 §7.8, §9.3.6; RFC 8441; RFC 9220): the same cases for every way to request one. */

import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { deferred } from "../../edge/testing/async.ts";
import { loadIdentity } from "../certificates/identity.ts";
import { QuicListener } from "../quic/listener.ts";
import type { Context } from "./fetch-context.ts";
import { createFetchHandler, type Handler } from "./fetch-handler.ts";
import type { ListenerOptions } from "./listener.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";
import { TARGET, type TestTunnel } from "./testing/test-tunnel.ts";
import { TUNNEL_KINDS, type TunnelKind } from "./testing/tunnel-clients.ts";
import type { TunnelStreams } from "./tunnel-streams.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function listen({ version }: TunnelKind, options: Pick<ListenerOptions, "onExchange" | "acceptsTunnels">) {
  const identities = [loadIdentity(localhostIdentity)] as const;
  const listener = new (version === "h3" ? QuicListener : TcpListener)({ identities, ...options });
  closers.push(() => listener.close(0));
  return { listener, ...(await listener.listen(0, "127.0.0.1")) };
}

async function open(kind: TunnelKind, handler: Handler, lines: string[] = []): Promise<TestTunnel> {
  const fetchHandler = createFetchHandler(handler, { log: (line) => lines.push(line) });
  const { port } = await listen(kind, { onExchange: fetchHandler.handle, acceptsTunnels: fetchHandler.acceptsTunnels });
  return kind.open({ port, protocol: kind.protocol, onClose: (close) => closers.push(close) });
}

/** A server whose handler accepts tunnels and passes its side to the test. */
async function accepted(kind: TunnelKind) {
  const side = deferred<TunnelStreams & { context: Context; request: Request }>();
  const client = await open(kind, (request, context) => {
    const { readable, writable, response } = context.tunnel!.accept({ "x-tunnel": "yes" });
    side.resolve({ readable, writable, context, request });
    return response;
  });
  return { client, server: await side.promise };
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) all += Buffer.from(chunk).toString();
  return all;
}

/** Reads to the end. The other direction stays usable. */
function received(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    stream.on("data", (part: Uint8Array) => parts.push(part));
    stream.on("end", () => resolve(Buffer.concat(parts).toString()));
    stream.on("error", reject);
  });
}

/** Reads at least `count` bytes. The stream stays usable. */
async function receive(stream: Duplex, count: number): Promise<string> {
  let all = "";
  while (all.length < count) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) await once(stream, "readable");
    else all += chunk.toString();
  }
  return all;
}

const echo: Handler = (_request, context) => {
  const { readable, writable, response } = context.tunnel!.accept();
  void readable.pipeTo(writable).catch(() => undefined);
  return response;
};

const LARGE = 4 * 1024 * 1024;
const CHUNK = 64 * 1024;
/** More than all windows and buffers hold, including the kernel's. */
const TOO_MUCH = 256 * 1024 * 1024;

/** Writes until backpressure blocks a write for a while. Returns the number of bytes written. */
async function writeUntilHeld(write: (chunk: Uint8Array) => unknown): Promise<number> {
  for (let written = CHUNK; written < TOO_MUCH; written += CHUNK) {
    const held = Symbol("held");
    let timer: NodeJS.Timeout | undefined;
    const waiting = new Promise((resolve) => {
      timer = setTimeout(resolve, 250, held);
    });
    const first = await Promise.race([write(new Uint8Array(CHUNK).fill(98)), waiting]);
    clearTimeout(timer);
    if (first === held) return written;
  }
  throw new Error("there is no backpressure");
}

describe.each(TUNNEL_KINDS)("%s", (_, kind) => {
  test("is offered to the handler, and accepted with additional fields", async () => {
    const { client, server } = await accepted(kind);
    expect(client.status).toBe(kind.version === "http/1.1" && kind.protocol !== undefined ? 101 : 200);
    expect(client.headers["x-tunnel"]).toBe("yes");
    expect(server.context).toMatchObject({ protocol: kind.version, tunnel: { protocol: kind.protocol } });
    const { url } = server.request;
    if (kind.protocol === undefined) expect(new URL(url).host).toBe(TARGET);
    else expect(new URL(url).pathname).toBe("/chat");
  });

  test("carries bytes in both directions", async () => {
    const client = await open(kind, echo);
    for (const word of ["one", "two", "three"]) {
      client.stream.write(word);
      expect(await receive(client.stream, word.length)).toBe(word);
    }
    client.stream.end("the end");
    expect(await received(client.stream)).toBe("the end");
  });

  test("half-closed by the client: the server can still send", async () => {
    const { client, server } = await accepted(kind);
    client.stream.end("question");
    expect(await readAll(server.readable)).toBe("question");
    const writer = server.writable.getWriter();
    await writer.write(text("answer, "));
    expect(await receive(client.stream, 8)).toBe("answer, ");
    await writer.write(text("and more"));
    await writer.close();
    expect(await received(client.stream)).toBe("and more");
  });

  test("half-closed by the client long before it is read", async () => {
    const { client, server } = await accepted(kind);
    const writer = server.writable.getWriter();
    client.stream.end();
    await writer.write(text("x"));
    expect(await receive(client.stream, 1)).toBe("x");
    expect(await readAll(server.readable)).toBe("");
    await writer.close();
    expect(await received(client.stream)).toBe("");
  });

  test("half-closed by the server: the client can still send", async () => {
    const { client, server } = await accepted(kind);
    const writer = server.writable.getWriter();
    await writer.write(text("greeting"));
    await writer.close();
    expect(await received(client.stream)).toBe("greeting");
    client.stream.write("late ");
    client.stream.end("words");
    expect(await readAll(server.readable)).toBe("late words");
  });

  test("reset by the client: both of the server's streams fail, and the signal aborts", async () => {
    const { client, server } = await accepted(kind);
    client.stream.write("a");
    const reader = server.readable.getReader();
    await reader.read();
    const writer = server.writable.getWriter();
    const failed = Promise.allSettled([reader.read(), writer.closed]);
    client.cutOff();
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(server.context.signal.aborted).toBe(true);
  });

  test("reset by the server: the client does not see a clean end", async () => {
    const { client, server } = await accepted(kind);
    const closed = once(client.stream.resume(), "close").catch(() => undefined);
    await server.writable.abort(new Error("no more"));
    await closed;
    expect(client.isReset()).toBe(true);
    await expect(server.readable.getReader().read()).rejects.toThrow("no more");
  });

  test("reset if the handler fails after accepting, with a line in the log", async () => {
    const lines: string[] = [];
    const client = await open(
      kind,
      async (_request, context) => {
        const { readable } = context.tunnel!.accept();
        await readable.getReader().read();
        throw new Error("broken");
      },
      lines,
    );
    const closed = once(client.stream.resume(), "close").catch(() => undefined);
    client.stream.write("x");
    await closed;
    expect(client.isReset()).toBe(true);
    expect(lines).toEqual([expect.stringContaining("broken")]);
  });

  test("refused: the client gets the handler's response", async () => {
    const client = await open(kind, () => new Response("not here", { status: 404, headers: { "x-why": "policy" } }));
    expect([client.status, client.headers["x-why"]]).toEqual([404, "policy"]);
    expect(await received(client.stream)).toBe("not here");
  });

  test("refused with a large response, which arrives completely", async () => {
    const client = await open(kind, () => new Response("x".repeat(LARGE), { status: 403 }));
    expect((await received(client.stream)).length).toBe(LARGE);
  });

  test("a handler that does not support it does not accept by accident", async () => {
    const client = await open(kind, () => new Response("hello"));
    // An Upgrade may be ignored (RFC 9110 §7.8); 200 for CONNECT would be a tunnel.
    expect(client.status).toBe(kind.version === "http/1.1" && kind.protocol !== undefined ? 200 : 501);
  });

  test("carries a lot of data to a slow client", async () => {
    const { client, server } = await accepted(kind);
    const writer = server.writable.getWriter();
    const writing = (async () => {
      for (let written = 0; written < LARGE; written += CHUNK) await writer.write(new Uint8Array(CHUNK).fill(97));
      await writer.close();
    })();
    let total = 0;
    for await (const part of client.stream) {
      total += (part as Uint8Array).length;
      // One event loop turn per part.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    expect(total).toBe(LARGE);
  });

  test("a client that does not read blocks the server", async () => {
    const { client, server } = await accepted(kind);
    const writer = server.writable.getWriter();
    const written = await writeUntilHeld((chunk) => writer.write(chunk));
    const whole = received(client.stream);
    await writer.close();
    expect((await whole).length).toBe(written);
  });

  test("a server that does not read blocks the client", async () => {
    const { client, server } = await accepted(kind);
    const written = await writeUntilHeld((chunk) => client.stream.write(chunk) || once(client.stream, "drain"));
    client.stream.end();
    expect((await readAll(server.readable)).length).toBe(written);
  });

  test("ends when both directions have ended: only then does the server finish draining", async () => {
    const over = deferred<void>();
    const { handle } = createFetchHandler(echo);
    const { listener, port } = await listen(kind, {
      acceptsTunnels: true,
      onExchange: (exchange) => {
        exchange.onClose = () => over.resolve();
        handle(exchange);
      },
    });
    const client = await kind.open({ port, protocol: kind.protocol, onClose: (close) => closers.push(close) });
    client.stream.write("x");
    expect(await receive(client.stream, 1)).toBe("x");
    let isClosed = false;
    const closed = listener.close(60_000).then(() => {
      isClosed = true;
    });
    client.stream.write("y");
    expect(await receive(client.stream, 1)).toBe("y");
    expect(isClosed).toBe(false);
    client.stream.end();
    await received(client.stream);
    await over.promise;
    await closed;
  });

  test("without a handler for tunnels, CONNECT is answered with 501 and an Upgrade is ignored", async () => {
    const seen: string[] = [];
    const { port } = await listen(kind, {
      onExchange: (exchange) => {
        seen.push(exchange.method);
        exchange.respond(204, [], { endStream: true });
      },
    });
    const refused = await kind.open({ port, protocol: undefined, onClose: (close) => closers.push(close) });
    expect(refused.status).toBe(501);
    if (kind.version !== "http/1.1" || kind.protocol === undefined) return;
    const upgrade = await kind.open({ port, protocol: kind.protocol, onClose: (close) => closers.push(close) });
    expect([upgrade.status, seen]).toEqual([204, ["GET"]]);
  });
});

describe("HTTP/1.1", () => {
  const kind = TUNNEL_KINDS[1]![1];

  async function raw(request: string): Promise<string> {
    const { port } = await listen(kind, { onExchange: createFetchHandler(echo).handle, acceptsTunnels: true });
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    closers.push(() => socket.destroy());
    socket.on("error", () => undefined);
    socket.end(request, "latin1");
    return (await received(socket)).replace(/^date:.*\r\n/im, "");
  }

  test("bytes that arrive with the request belong to the tunnel", async () => {
    expect(await raw("CONNECT a.test:1 HTTP/1.1\r\nhost: a.test:1\r\n\r\nearly bytes")).toBe(
      "HTTP/1.1 200 OK\r\n\r\nearly bytes",
    );
    expect(await raw("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x, y\r\n\r\nearly")).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\nearly",
    );
  });

  test.each([
    ["CONNECT without a port", "CONNECT a.test HTTP/1.1\r\nhost: a.test\r\n\r\n"],
    ["CONNECT with a path", "CONNECT /chat HTTP/1.1\r\nhost: a.test\r\n\r\n"],
    ["CONNECT with userinfo", "CONNECT me@a.test:1 HTTP/1.1\r\nhost: a.test\r\n\r\n"],
  ])("%s is answered with 400", async (_, request) => {
    expect(await raw(request)).toMatch(/^HTTP\/1\.1 400 /);
  });
});
