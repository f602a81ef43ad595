import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { deferred } from "../../edge/testing/async.ts";
import { openHttp1, openHttp2, TCP_VERSIONS } from "../../edge/testing/client.ts";
import { get, type TestClient } from "../../edge/testing/test-client.ts";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import type { BoundAddress } from "./listener.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity, otherIdentity } from "./testing/identities.ts";

const identities = [loadIdentity(localhostIdentity), loadIdentity(otherIdentity)] as const;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(onExchange: (exchange: ServerExchange) => void, onKeyLog?: (line: string) => void) {
  const listener = new TcpListener({ identities: [...identities], onExchange, onKeyLog });
  closers.push(() => listener.close(0));
  const address: BoundAddress = await listener.listen(0, "127.0.0.1");
  return { listener, origin: new URL(`https://127.0.0.1:${address.port}`), port: address.port };
}

const ok = (exchange: ServerExchange): void => {
  exchange.respond(200, []);
  exchange.end(new TextEncoder().encode("ok"));
};

/** Sends raw bytes over TLS and returns everything received until the server closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  socket.write(text, "latin1");
  let received = "";
  socket.on("data", (data) => {
    received += data.toString("latin1");
  });
  await once(socket, "close");
  return received;
}

describe.each(TCP_VERSIONS)("over %s", (version, open) => {
  async function client(origin: URL): Promise<TestClient> {
    const opened = await open(origin);
    closers.push(() => opened.close());
    return opened;
  }

  test("passes the request unchanged, with its fields in order", async () => {
    let seen: ServerExchange | undefined;
    const { origin, port } = await start((exchange) => {
      seen = exchange;
      ok(exchange);
    });
    await (await get(await client(origin), "/p?q", { "x-b": "1", "x-a": "2" })).text();
    expect(seen).toMatchObject({
      protocol: version,
      method: "GET",
      scheme: "https",
      authority: `localhost:${port}`,
      path: "/p?q",
      remoteAddress: { address: "127.0.0.1", family: "IPv4" },
      localAddress: { address: "127.0.0.1", port, family: "IPv4" },
    });
    const names = seen!.fields.map(([name]) => name).filter((name) => name.startsWith("x-"));
    expect(names).toEqual(["x-b", "x-a"]);
  });

  test("advertises HTTP/3 once it is available", async () => {
    const { listener, origin } = await start(ok);
    const there = await client(origin);
    const before = await get(there, "/");
    expect([before.headers["alt-svc"], await before.text()]).toEqual([undefined, "ok"]);
    listener.advertise('h3=":1"; ma=60');
    expect((await get(there, "/")).headers["alt-svc"]).toBe('h3=":1"; ma=60');
  });

  test("releases chunks when it no longer needs them, and calls onClose once", async () => {
    const released: Uint8Array[] = [];
    const closed = deferred<void>();
    let closes = 0;
    const chunks = [new Uint8Array(300_000).fill(1), new Uint8Array(300_000).fill(2)];
    const { origin } = await start((exchange) => {
      exchange.onClose = () => {
        closes++;
        closed.resolve();
      };
      exchange.respond(200, []);
      for (const chunk of chunks) exchange.write(chunk, (given) => released.push(given));
      exchange.end();
    });
    expect((await (await get(await client(origin), "/")).bytes()).byteLength).toBe(600_000);
    await closed.promise;
    expect(released).toHaveLength(2);
    for (const [i, chunk] of chunks.entries()) expect(released[i]).toBe(chunk);
    expect(closes).toBe(1);
  });

  test("after an abort all calls are no-ops, and chunks are released", async () => {
    const aborted = deferred<ServerExchange>();
    const { origin } = await start((exchange) => {
      exchange.onAbort = () => aborted.resolve(exchange);
      exchange.respond(200, []);
      exchange.write(new Uint8Array(10));
    });
    const there = await client(origin);
    const request = there.request({});
    await request.response;
    request.cancel();
    const exchange = await aborted.promise;
    expect(exchange.aborted).toBeInstanceOf(Error);
    const chunk = new Uint8Array(5);
    let released: Uint8Array | undefined;
    expect(
      exchange.write(chunk, (given) => {
        released = given;
      }),
    ).toBe(false);
    expect(released).toBe(chunk);
    exchange.inform(103, []);
    exchange.end();
    exchange.reset(new Error("again"));
  });

  test("a response that is reset does not look complete", async () => {
    const { origin } = await start((exchange) => {
      exchange.respond(200, []);
      exchange.write(new Uint8Array(10));
      exchange.reset(new Error("disk gone"));
    });
    const response = get(await client(origin), "/").then((got) => got.bytes());
    await expect(response).rejects.toThrow();
  });

  test("responds before the body has arrived, and stops the client", async () => {
    const { origin } = await start((exchange) => {
      exchange.respond(413, []);
      exchange.end(new TextEncoder().encode("too much"));
    });
    const there = await client(origin);
    const upload = there.request({ method: "POST", streaming: true });
    await upload.send("begin");
    const response = await upload.response;
    expect([response.status, await response.text()]).toEqual([413, "too much"]);
  });

  test("drains: requests in progress finish, idle connections close", async () => {
    const exchanges: ServerExchange[] = [];
    const arrived = deferred<void>();
    const { listener, origin } = await start((exchange) => {
      exchanges.push(exchange);
      exchange.respond(200, []);
      exchange.write(new TextEncoder().encode("first "));
      arrived.resolve();
    });
    const idle = await client(origin);
    const busy = await client(origin);
    const request = busy.request({});
    await arrived.promise;
    const response = await request.response;
    let closed = false;
    const closing = listener.close(60_000).then(() => {
      closed = true;
    });
    await idle.goneAway;
    await expect(open(origin)).rejects.toThrow();
    expect(closed).toBe(false);
    exchanges[0]!.end(new TextEncoder().encode("last"));
    expect(await response.text()).toBe("first last");
    await busy.goneAway;
    busy.close();
    await closing;
  });

  test("stops draining at the deadline", async () => {
    const aborted = deferred<Error>();
    const { listener, origin } = await start((exchange) => {
      exchange.onAbort = (reason) => aborted.resolve(reason);
      exchange.respond(200, []);
      exchange.write(new Uint8Array(1));
    });
    await (await client(origin)).request({}).response;
    const patient = listener.close(60_000);
    await listener.close(1);
    await patient;
    expect(await aborted.promise).toBeInstanceOf(Error);
  });

  test("selects the certificate by server name", async () => {
    const { port } = await start(ok);
    const subject = async (servername: string | undefined): Promise<string | undefined> => {
      const socket: TLSSocket = connect({
        port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ALPNProtocols: [version],
        ...(servername === undefined ? {} : { servername }),
      });
      await once(socket, "secureConnect");
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN as string;
    };
    expect(await subject("localhost")).toBe("localhost");
    expect(await subject("a.example.test")).toBe("*.example.test");
    expect(await subject("example.test")).toBe("*.example.test");
    expect(await subject("unknown.test")).toBe("localhost");
    expect(await subject(undefined)).toBe("localhost");
  });

  test("logs the keys of TLS over TCP", async () => {
    const lines: string[] = [];
    const { origin } = await start(ok, (line) => lines.push(line));
    await (await get(await client(origin), "/")).text();
    expect(lines.every((line) => /^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+\n$/.test(line))).toBe(true);
    expect(lines.map((line) => line.split(" ")[0])).toContain("CLIENT_TRAFFIC_SECRET_0");
  });
});

describe("malformed HTTP/1.1", () => {
  const HOST = "Host: localhost\r\n";

  test.each([
    ["two Hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["a Host with userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400],
    ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400],
    ["a target without a slash", `GET x HTTP/1.1\r\n${HOST}\r\n`, 400],
    [
      "both Content-Length and chunked",
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["two Content-Lengths", `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400],
    ["a field name with a space", `GET / HTTP/1.1\r\n${HOST}X Y: 1\r\n\r\n`, 400],
    ["an oversized head", `GET / HTTP/1.1\r\n${HOST}X: ${"x".repeat(70_000)}\r\n\r\n`, 431],
    ["not HTTP", "\x16\x03\x01hello\r\n\r\n", 400],
    ["version 2.0", `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
    ["version 0.9", `GET / HTTP/0.9\r\n${HOST}\r\n`, 505],
  ])("%s", async (_what, text, status) => {
    const { port, origin } = await start(ok);
    expect(await raw(port, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const client = await openHttp1(origin);
    expect(await (await get(client, "/")).text()).toBe("ok");
    client.close();
  });

  test("a refused request gets one response, even if its body is malformed too", async () => {
    const { port } = await start(ok);
    const received = await raw(port, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 501"]);
  });

  test("an ignored Upgrade ends the connection, so that no later request gets lost", async () => {
    const paths: string[] = [];
    const { port } = await start((exchange) => {
      paths.push(exchange.path);
      ok(exchange);
    });
    const upgrade = `GET /1 HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`;
    const received = await raw(port, `${upgrade}GET /2 HTTP/1.1\r\n${HOST}\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*connection: close\r\n/i);
    expect(paths).toEqual(["/1"]);
  });

  test("absolute-form overrides Host", async () => {
    let seen: ServerExchange | undefined;
    const { port } = await start((exchange) => {
      seen = exchange;
      ok(exchange);
    });
    await raw(port, `GET https://example.test/x?y HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    expect([seen?.authority, seen?.path]).toEqual(["example.test", "/x?y"]);
  });

  test("an HTTP/1.0 client gets no informational response", async () => {
    const { port } = await start((exchange) => {
      exchange.inform(103, [["link", "</x>"]]);
      ok(exchange);
    });
    expect(await raw(port, "GET / HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
  });
});

test("non-TLS bytes and invalid HTTP/2 do not affect other connections", async () => {
  const { port, origin } = await start(ok);
  const plain = connectTcp(port, "127.0.0.1");
  plain.on("error", () => undefined);
  plain.write("GET / HTTP/1.1\r\n\r\n");
  plain.resume();
  await once(plain, "close");
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => undefined);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x09\x0f\xff\xff\xff\xff\xff".repeat(3), "latin1");
  socket.resume();
  await once(socket, "close");
  const client = await openHttp2(origin);
  expect(await (await get(client, "/")).text()).toBe("ok");
  client.close();
});
