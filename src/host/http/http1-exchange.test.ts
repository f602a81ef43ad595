/** The bytes of HTTP/1.1 responses, and what they mean for the connection (RFC 9112). */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../certificates/identity.ts";
import { continueIfExpected, type ServerExchange } from "./exchange.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Client {
  readonly socket: TLSSocket;
  received(): string;
  send(text: string): void;
}

async function open(onExchange: (exchange: ServerExchange) => void, lines: string[] = []): Promise<Client> {
  const listener = new TcpListener({
    identities: [loadIdentity(localhostIdentity)],
    onExchange,
    onFault: ({ error }) => lines.push(error.message),
  });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  closers.push(() => socket.destroy());
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  return { socket, received: () => text, send: (given) => void socket.write(given, "latin1") };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Without fields that vary with time and with the version of Node. */
const stable = (text: string): string => text.replaceAll(/(?:Date|Keep-Alive): [^\r]*\r\n/g, "");

/** Reads the whole body, then calls `done` with its text. */
function read(exchange: ServerExchange, done: (text: string) => void): void {
  let text = "";
  const advance = (): void => {
    for (let chunk = exchange.body.read(); chunk !== undefined; chunk = exchange.body.read())
      text += Buffer.from(chunk).toString("latin1");
    if (exchange.body.state === "ended") done(text);
  };
  exchange.body.onReadable = advance;
  advance();
}

describe("a response", () => {
  test("of known length is sent with it", async () => {
    const client = await open((exchange) => {
      exchange.respond(200, [["x-a", "1"]], { reason: "Fine" });
      exchange.end(bytes("hello"));
    });
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await vi.waitUntil(() => client.received().endsWith("hello"));
    expect(stable(client.received())).toBe(
      "HTTP/1.1 200 Fine\r\nx-a: 1\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    );
  });

  test("in pieces is chunked, and only then has trailers", async () => {
    const client = await open((exchange) => {
      exchange.respond(200, [["trailer", "x-sum"]], { trailers: true });
      exchange.write(bytes("a".repeat(5_000)));
      exchange.write(bytes(""));
      exchange.end(bytes("end"), [["x-sum", "7"]]);
    });
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await vi.waitUntil(() => client.received().endsWith("\r\n\r\n") && client.received().includes("x-sum: 7"));
    const [head, content] = stable(client.received()).split(/\r\n\r\n(.*)/s) as [string, string];
    expect(head.split("\r\n")).toEqual([
      "HTTP/1.1 200 OK",
      "trailer: x-sum",
      "Connection: keep-alive",
      "Transfer-Encoding: chunked",
    ]);
    expect(content).toBe(`1388\r\n${"a".repeat(5_000)}\r\n3\r\nend\r\n0\r\nx-sum: 7\r\n\r\n`);
  });

  test("in pieces to HTTP/1.0 ends with the connection", async () => {
    const client = await open((exchange) => {
      exchange.respond(200, [["trailer", "x-sum"]]);
      exchange.write(bytes("one "));
      exchange.end(bytes("two"));
    });
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await once(client.socket, "close");
    expect(stable(client.received())).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none two");
  });

  test("to HEAD has no content, and releases it", async () => {
    const released: Uint8Array[] = [];
    const client = await open((exchange) => {
      exchange.respond(200, [["content-length", "9"]]);
      exchange.write(bytes("content"), (chunk) => released.push(chunk));
      exchange.end(bytes("!!"));
    });
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    await vi.waitUntil(() => released.length === 2 && client.received().split("HTTP/1.1 200").length === 3);
    expect(client.received()).toMatch(/\r\n\r\n$/);
    expect(client.received()).not.toContain("content!!");
  });

  test.each(["a\r\nb: c", "a\0", "\u0100"])("with the field value %j is never sent", async (value) => {
    const lines: string[] = [];
    const client = await open((exchange) => {
      exchange.respond(200, [["x-a", value]]);
      exchange.end();
    }, lines);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(client.socket, "close");
    expect([client.received(), lines]).toEqual(["", ["the field x-a is invalid"]]);
  });
});

describe("a request", () => {
  test("that gets its 100 (Continue) leaves the connection open", async () => {
    const client = await open((exchange) => {
      continueIfExpected(exchange);
      read(exchange, (text) => {
        exchange.respond(200, []);
        exchange.end(bytes(`[${text}]`));
      });
    });
    const head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    client.send(head);
    await vi.waitUntil(() => client.received().endsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    client.send("one");
    await vi.waitUntil(() => client.received().endsWith("[one]"));
    client.send(`${head}two`);
    await vi.waitUntil(() => client.received().endsWith("[two]"));
  });

  test("that gets a response instead of a 100 closes it", async () => {
    const client = await open((exchange) => exchange.respond(413, [], { endStream: true }));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    await once(client.socket, "close");
    expect(client.received()).toMatch(/^HTTP\/1.1 413 .*\r\nConnection: close\r\n/s);
  });

  test("whose content nobody reads does not fill memory, and is dropped after the response", async () => {
    const exchanges: ServerExchange[] = [];
    const client = await open((exchange) => exchanges.push(exchange));
    const size = 4_000_000;
    client.send(`POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`);
    client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    await vi.waitUntil(() => exchanges.length === 1 && (exchanges[0] as unknown as { unread: number }).unread > 0);
    const { unread } = exchanges[0] as unknown as { unread: number };
    expect(unread).toBeLessThan(256 * 1024);
    exchanges[0]!.respond(200, []);
    exchanges[0]!.end();
    await vi.waitUntil(() => exchanges.length === 2);
    expect(exchanges[1]!.path).toBe("/second");
  });
});
