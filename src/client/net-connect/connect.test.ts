import { once } from "node:events";
import { createServer as createHttpServer, Agent as HttpAgent, get as httpGet } from "node:http";
import { createServer as createHttpsServer, Agent as HttpsAgent, get as httpsGet } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { request, Agent as UndiciAgent } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRecord } from "../../dns/index.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { type ConnectError, connect, type Resolver, raceAddresses, undiciConnect } from "./index.ts";

const cert = String(localhostIdentity.cert);
const key = String(localhostIdentity.key);
const ca = cert;
const sockets = new Set<Socket>();
const kept: string[] = [];
const https = createHttpsServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (request, response) => {
  kept.push(String((request.socket as TLSSocket).isSessionReused()));
  response.end("over TLS");
});
const http = createHttpServer((_, response) => response.end("plain"));
/** Accepts connections, and never says a word. */
const silent = createServer((socket) => void sockets.add(socket.on("error", () => {})));

async function listen(server: Server, host: string, port = 0): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

let httpsPort: number;
let httpPort: number;

beforeAll(async () => {
  httpsPort = await listen(https, "127.0.0.1");
  httpPort = await listen(http, "127.0.0.1");
  // The same port at another address of loopback.
  await listen(silent, "127.0.0.2", httpsPort);
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of [https, http, silent]) server.close();
});

/** The first address stalls in the handshake, or refuses connections. */
const stalling = { resolve: () => ["127.0.0.2", "127.0.0.1"], attemptDelay: 10 };
const refusing = { resolve: () => ["127.0.0.3", "127.0.0.1"], attemptDelay: 60_000 };

describe("connect", () => {
  test.each([2, 3] as const)("version %i: the next address is tried without giving up the first", async (version) => {
    const decisions: string[] = [];
    const socket = await connect({
      host: "localhost",
      port: httpsPort,
      tls: { ca, ALPNProtocols: ["http/1.1"] },
      ...stalling,
      version,
      onDecision: ({ event }) => decisions.push(event.type),
    });
    expect(socket).toBeInstanceOf(TLSSocket);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect((socket as TLSSocket).alpnProtocol).toBe("http/1.1");
    expect(decisions.filter((type) => type === "race:attempt_started")).toHaveLength(2);
    socket.destroy();
  });

  test("a refused address does not wait for the delay", async () => {
    const socket = await connect({ host: "localhost", port: httpPort, ...refusing });
    expect(socket).not.toBeInstanceOf(TLSSocket);
    socket.write("GET / HTTP/1.0\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/plain$/);
  });

  test("an error lists every attempt, and has Node's code", async () => {
    const resolve = () => ["127.0.0.3", "127.0.0.4"];
    const error = await connect({ host: "localhost", port: httpPort, resolve }).catch((each: ConnectError) => each);
    expect(error).toMatchObject({
      name: "ConnectError",
      code: "ECONNREFUSED",
      message: expect.stringMatching(
        /^cannot connect to localhost port \d+: 127\.0\.0\.3 after \d+ ms: .*; 127\.0\.0\.4 after/,
      ),
      attempts: [
        { address: "127.0.0.3", port: httpPort, error: { code: "ECONNREFUSED" } },
        { address: "127.0.0.4", port: httpPort, error: { code: "ECONNREFUSED" } },
      ],
    });
    const nowhere = connect({ host: "absent.test", port: 1, resolve: () => [] });
    await expect(nowhere).rejects.toMatchObject({ code: "ENOTFOUND", attempts: [] });
  });

  test("a refused certificate is final: every address would present it", async () => {
    const resolve = () => ["127.0.0.1", "127.0.0.2"];
    const error = connect({ host: "localhost", port: httpsPort, tls: true, resolve, attemptDelay: 60_000 });
    await expect(error).rejects.toMatchObject({
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
      attempts: { length: 1 },
    });
    const other = { host: "other.test", port: httpsPort, tls: { ca }, resolve };
    await expect(connect(other)).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  test("a time limit and a signal end all attempts", async () => {
    const stalled = { host: "localhost", port: httpsPort, tls: { ca }, resolve: () => ["127.0.0.2"] };
    await expect(connect({ ...stalled, timeout: 20 })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: `cannot connect to localhost port ${httpsPort} within 20 ms`,
    });
    const controller = new AbortController();
    const connecting = connect({ ...stalled, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(connecting).rejects.toThrow("enough");
  });

  test("a resolver gives the addresses, and is asked for HTTPS records only on request", async () => {
    const asked: number[] = [];
    const resolver: Resolver = {
      async resolve(name, type) {
        asked.push(type);
        if (type !== 1) return { kind: "none", why: "no-data", from: "network" };
        return { kind: "records", name, records: [parseRecord(`${name} 60 A 127.0.0.1`)], from: "network" };
      },
    };
    const place = { host: "a.example.test", port: httpPort, resolver };
    for (const httpsRecords of [undefined, true] as const) {
      const socket = await connect({ ...place, ...(httpsRecords && { httpsRecords }) });
      expect(socket.remoteAddress).toBe("127.0.0.1");
      socket.destroy();
    }
    expect(asked.slice(0, 2).toSorted()).toEqual([1, 28]);
    expect(asked.slice(2).toSorted()).toEqual([1, 28, 65]);
    const agent = raceAddresses(new HttpAgent(), { resolver });
    const [response] = await once(httpGet(`http://a.example.test:${httpPort}/`, { agent }), "response");
    response.resume();
    await once(response, "end");
    agent.destroy();
    const failing: Resolver = { resolve: async () => ({ kind: "failed", failures: ["192.0.2.53 does not answer"] }) };
    await expect(connect({ ...place, resolver: failing })).rejects.toMatchObject({
      code: "ENOTFOUND",
      message: expect.stringContaining("192.0.2.53 does not answer"),
    });
    await expect(connect({ ...place, resolver: {} as never })).rejects.toThrow("the method `resolve`");
  });

  test("wrong arguments", async () => {
    await expect(connect({ host: "", port: 1 })).rejects.toThrow("host is missing");
    await expect(connect({ host: "a.test", port: 0 })).rejects.toThrow("0 is not a port");
    await expect(connect({ host: "a.test", port: 1, version: 4 as never })).rejects.toThrow("there is no version 4");
  });
});

test.each([
  ["an agent of node:http", httpGet, () => raceAddresses(new HttpAgent({ keepAlive: true }), refusing), "plain"],
  ["an agent of node:https", httpsGet, () => raceAddresses(new HttpsAgent({ ca }), stalling), "over TLS"],
] as const)("%s", async (_name, get, open, expected) => {
  const agent = open();
  const url = get === httpGet ? `http://localhost:${httpPort}/` : `https://localhost:${httpsPort}/`;
  kept.length = 0;
  for (let i = 0; i < 2; i += 1) {
    const [response] = await once(get(url, { agent }), "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    expect(text).toBe(expected);
  }
  // TLS remains the agent's: the second connection resumes the session of the first.
  if (get === httpsGet) expect(kept).toEqual(["false", "true"]);
  agent.destroy();
});

test("undici", async () => {
  const dispatcher = new UndiciAgent({ connect: undiciConnect({ ...stalling, tls: { ca } }) as never });
  const { body } = await request(`https://localhost:${httpsPort}/`, { dispatcher });
  expect(await body.text()).toBe("over TLS");
  await dispatcher.close();
  const refused = new UndiciAgent({ connect: undiciConnect({ resolve: () => ["127.0.0.3"] }) as never });
  await expect(request(`http://localhost:${httpPort}/`, { dispatcher: refused })).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
  await refused.close();
});
