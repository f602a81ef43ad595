import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type AltSvcOptions, altSvcField } from "../host/listen/alt-svc.ts";
import { SERVE_OPTIONS, type ServeOptions, serve } from "./serve.ts";
import type { Server } from "./server.ts";
import { unknownOptions } from "./unknown-options.ts";

const servers: Server[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) await server.close({ timeout: 0 });
});

async function open(options: ServeOptions = {}): Promise<Server> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {}, ...options },
    () => new Response("hello"),
  );
  servers.push(server);
  return server;
}

async function altSvcOf(server: Server, protocol: "h2" | "http/1.1"): Promise<string | null> {
  await using client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  const response = await client.fetch(server.url);
  await response.text();
  return response.headers.get("alt-svc");
}

describe("the field", () => {
  test.each<[AltSvcOptions, number | undefined, string | undefined]>([
    [{}, 443, 'h3=":443"; ma=3600'],
    [{ maxAge: 60, port: 8443 }, 443, 'h3=":8443"; ma=60'],
    [{ advertise: false }, 443, undefined],
    [{ clear: true }, 443, "clear"],
    [{ clear: true }, undefined, "clear"],
    [{ port: 443 }, undefined, undefined],
  ])("of %j on UDP port %s is %s", (options, port, field) => {
    expect(altSvcField(options, port)).toBe(field);
  });

  test.each([{ maxAge: -1 }, { maxAge: 1.5 }, { maxAge: Number.NaN }, { port: 0 }, { port: 70_000 }])(
    "%j is rejected before anything listens",
    async (altSvc) => {
      const holder = createServer().listen(0, "127.0.0.1");
      await once(holder, "listening");
      try {
        const { port } = holder.address() as AddressInfo;
        // The port is in use. If listening came first, that would be the error.
        await expect(open({ port, altSvc })).rejects.toMatchObject({ code: "OPTION_INVALID" });
      } finally {
        holder.close();
      }
    },
  );
});

describe.each(["h2", "http/1.1"] as const)("over %s", (protocol) => {
  test("advertises another port, or withdraws HTTP/3", async () => {
    expect(await altSvcOf(await open({ altSvc: { port: 443, maxAge: 5 } }), protocol)).toBe('h3=":443"; ma=5');
    expect(await altSvcOf(await open({ altSvc: { advertise: false } }), protocol)).toBe(null);
    const withdrawn = await open({ protocols: ["h2", "http/1.1"], altSvc: { clear: true } });
    expect(await altSvcOf(withdrawn, protocol)).toBe("clear");
    expect(await altSvcOf(await open({ protocols: ["h2", "http/1.1"] }), protocol)).toBe(null);
  });

  test("NAGARE_DISABLE_H3 disables HTTP/3, and tells clients to forget it", async () => {
    vi.stubEnv("NAGARE_DISABLE_H3", "1");
    const server = await open();
    expect(server.protocols).toEqual(["h2", "http/1.1"]);
    expect(await altSvcOf(server, protocol)).toBe("clear");
  });
});

test("NAGARE_DISABLE_H3 limits a client to TCP, unless it is 0", async () => {
  const server = await open();
  const protocolOf = async () => {
    await using client = createClient({ rejectUnauthorized: false, headStart: 10_000 });
    const response = await client.fetch(server.url);
    await response.text();
    return client.facts(response)!.protocol;
  };
  expect(await protocolOf()).toBe("h3");
  vi.stubEnv("NAGARE_DISABLE_H3", "0");
  expect(await protocolOf()).toBe("h3");
  vi.stubEnv("NAGARE_DISABLE_H3", "1");
  expect(await protocolOf()).toBe("h2");
  expect(() => createClient({ protocols: ["h3"] })).toThrow(/NAGARE_DISABLE_H3/);
});

test("plain HTTP on the TLS port gets an explanation, and the server keeps working", async () => {
  const server = await open();
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  const answer = Buffer.concat(chunks).toString();
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toContain("Use https:// instead.");
  expect(await altSvcOf(server, "h2")).not.toBe(null);
});

test("a byte order mark before a certificate, a key or an authority is skipped", async () => {
  const marked = { cert: `\ufeff${localhostIdentity.cert}`, key: Buffer.from(`\ufeff${localhostIdentity.key}`) };
  const server = await open({ tls: marked });
  for (const protocol of ["h3", "h2"] as const) {
    await using client = createClient({ protocols: [protocol], ca: `\ufeff${localhostIdentity.cert}` });
    expect(await (await client.fetch(`https://localhost:${server.port}/`)).text()).toBe("hello");
  }
});

describe("unknown options", () => {
  test("are logged, with a suggestion", async () => {
    const lines: string[] = [];
    await open({ log: (line) => lines.push(line), unknown: 1, prt: 80 } as ServeOptions);
    expect(lines).toEqual([
      'nagare: serve has no option "unknown"',
      'nagare: serve has no option "prt": did you mean "port"?',
    ]);
  });

  test("are matched to known ones that differ in one letter or in case", () => {
    const known = { port: 1, host: "", tls: [], altSvc: {}, fetch: () => {} };
    expect(unknownOptions(known, SERVE_OPTIONS)).toEqual([]);
    expect(unknownOptions({ ports: 1 }, SERVE_OPTIONS)).toEqual([
      'nagare: serve has no option "ports": did you mean "port"?',
    ]);
    expect(unknownOptions({ altsvc: {} }, SERVE_OPTIONS)).toEqual([
      'nagare: serve has no option "altsvc": did you mean "altSvc"?',
    ]);
    expect(unknownOptions({ hist: "" }, SERVE_OPTIONS)).toEqual([
      'nagare: serve has no option "hist": did you mean "host"?',
    ]);
  });

  test("are ignored on an application object", () => {
    class App {
      routes = [];
      fetch = () => new Response();
    }
    expect(unknownOptions(new App(), SERVE_OPTIONS)).toEqual([]);
  });
});
