/** Questions to DNS servers that answer, truncate, refuse and hang up. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { settingsFrom } from "../../src/client/options.ts";
import { emitMessage, parseMessage, queryMessage, withLength } from "../../src/dns/index.ts";
import { DnsService, zoneFileOf } from "../../src/edge/dns/index.ts";
import { loadIdentity } from "../../src/host/certificates/index.ts";
import { Dialer } from "../../src/host/client/dialer.ts";
import { sourceTowards } from "../../src/host/client/routes.ts";
import { systemClock } from "../../src/host/clock.ts";
import { quicCarrier } from "../../src/host/dns/quic.ts";
import { DnsResolver } from "../../src/host/dns/resolver.ts";
import { nameServer } from "../../src/host/dns/testing/name-server.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { armed } from "./armed.ts";
import { all, log, openServer } from "./world.ts";

const A = 1;

/** A question by UDP; one whose name begins with `long` is asked again over TCP. */
const asked = (name: string, signal?: AbortSignal) => async (): Promise<void> => {
  await using server = await nameServer(["answer.test. A 192.0.2.1", ...manyRecords()]);
  const resolver = new DnsResolver({ servers: [{ ...server.udp }], timeout: 100 });
  await all(resolver.resolve(name, A, signal));
};

const manyRecords = (): string[] => Array.from({ length: 100 }, (_, i) => `long.test. A 192.0.2.${i}`);

/** TCP to a port that closes every connection, or that nothing listens at. */
const unanswered = (closes: boolean) => async (): Promise<void> => {
  const server = createServer((socket) => socket.on("error", () => {}).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  if (!closes) server.close();
  const resolver = new DnsResolver({ servers: [{ protocol: "tcp", address: "127.0.0.1", port }], timeout: 100 });
  await all(resolver.resolve("a.test.", A));
  server.close();
};

const refused = async (): Promise<void> => {
  const server = await nameServer([]);
  await server[Symbol.asyncDispose]();
  const resolver = new DnsResolver({ servers: [server.udp], timeout: 100 });
  await all(resolver.resolve("a.test.", A));
};

const carried = async (): Promise<void> => {
  const resolver = new DnsResolver({
    servers: [{ protocol: "https", address: "192.0.2.1", port: 443 }],
    carry: async (_server, message) => {
      parseMessage(message);
      throw new Error("no network");
    },
  });
  await all(resolver.resolve("a.test.", A));
};

const aborted = async (): Promise<void> => {
  const controller = new AbortController();
  const done = asked("never.test.", controller.signal)();
  setTimeout(() => controller.abort(), 20);
  await done;
};

/** A name server of ours, asked over each of its transports. */
const served = (trouble?: "idle" | "unread" | "changed" | "aborted") => async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-dns-"));
  const file = join(folder, "test.zone");
  const big = `big TXT ${`${"x".repeat(255)} `.repeat(240)}`;
  writeFileSync(file, `@ SOA ns h 1 2 3 4 5\n@ NS ns\n${big}\n`);
  const idle = vi.spyOn(Socket.prototype, "setTimeout");
  await using service = await DnsService.start({
    zones: [zoneFileOf(file)],
    host: "127.0.0.1",
    port: 0,
    securePort: 0,
    identity: loadIdentity(localhostIdentity),
    watch: true,
    log,
    onFault: ({ entry }) => log(`(${entry})`),
  });
  await using carrier = quicCarrier({ acceptsAnyCertificate: true });
  const { port, securePort } = service.addresses;
  const server = { address: "127.0.0.1", port };
  const ask = (protocol: "udp" | "tcp" | "quic") => {
    const servers = [{ ...server, protocol, port: protocol === "quic" ? securePort! : port }];
    return new DnsResolver({ servers, carry: carrier.carry, timeout: 100 }).resolve("a.test.", A);
  };
  await all(ask("udp"), ask("tcp"), ask("quic"));
  if (trouble === "aborted") {
    const controller = new AbortController();
    const message = emitMessage(queryMessage(0, { name: "a.test.", type: A }));
    const quic = { ...server, protocol: "quic", port: securePort! } as const;
    const carried = carrier.carry(quic, message, controller.signal);
    // Before the response, which needs a turn of the event loop, and after the question.
    for (let i = 0; i < 10; i += 1) await Promise.resolve();
    controller.abort();
    await all(carried);
  }
  if (trouble === "idle") {
    const client = connect(port, "127.0.0.1").on("error", () => {});
    await vi.waitUntil(() => idle.mock.calls.some(([milliseconds]) => milliseconds === 10_000));
    await vi.waitUntil(() => {
      for (const [milliseconds, handle] of idle.mock.calls) if (milliseconds === 10_000) handle?.();
      return armed.entry === undefined;
    });
    client.destroy();
  }
  if (trouble === "unread") {
    const client = connect(port, "127.0.0.1").on("error", () => {});
    const query = withLength(emitMessage(queryMessage(1, { name: "big.test.", type: 16 })));
    client.write(Buffer.concat(Array.from({ length: 500 }, () => query)));
    client.resume();
    await vi.waitUntil(() => armed.entry === undefined);
    client.destroy();
  }
  if (trouble === "changed") {
    writeFileSync(file, "@ SOA ns h 2 2 3 4 5\n");
    await vi.waitUntil(() => armed.entry === undefined, { timeout: 20_000 });
  }
  idle.mockRestore();
  rmSync(folder, { recursive: true });
};

/** A client that races addresses. */
const raced = async (): Promise<void> => {
  const server = await openServer(["h2"]);
  await using client = createClient({ rejectUnauthorized: false, protocols: ["h2"], happyEyeballs: true });
  await all(client.fetch(`https://localhost:${new URL(server.url).port}/`));
};

const racedBoth = async (): Promise<void> => {
  const server = await openServer(["h2"]);
  await using client = createClient({ rejectUnauthorized: false });
  await all(client.fetch(`https://localhost:${new URL(server.url).port}/`));
};

const raceAborted = async (): Promise<void> => {
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const controller = new AbortController();
  await using client = createClient({ rejectUnauthorized: false, protocols: ["h2"], happyEyeballs: true });
  silent.once("connection", (socket) => {
    socket.on("error", () => {});
    controller.abort();
    setTimeout(() => socket.destroy(), 100);
  });
  await all(client.fetch(`https://127.0.0.1:${port}/`, { signal: controller.signal }));
  silent.close();
};

/** Without a race, as gateways connect. */
const lookupAborted = async (): Promise<void> => {
  const resolve = (): Promise<never> => new Promise(() => {});
  const settings = { ...settingsFrom({ resolve }, systemClock), race: undefined };
  const { session, abort } = new Dialer(new URL("https://nowhere.test/"), settings, () => {}).dialTcp();
  setImmediate(() => abort(new Error("enough")));
  await all(session);
};

export const DNS_TRAFFIC = {
  "client dns udp message": { run: asked("answer.test.") },
  "client dns udp error": { run: refused },
  "client dns udp connected": { run: asked("answer.test.") },
  "client dns stream data": { run: asked("long.test.") },
  "client dns stream error": { run: unanswered(false) },
  "client dns stream closed": { run: unanswered(true) },
  "client dns carried": { run: carried },
  "client dns abort": { run: aborted },
  "client dns quic abort": { run: served("aborted") },
  "client dns quic closed": { run: served() },
  "dns datagram": { run: served() },
  "dns connection": { run: served() },
  "dns connection idle": { run: served("idle") },
  "dns connection closed": { run: served() },
  "dns connection data": { run: served() },
  "dns connection drain": { run: served("unread") },
  "dns zone changed": { run: served("changed") },
  "client race lookup": { run: raced },
  "client race attempt": { run: raced },
  "client race abort": { run: raceAborted },
  "client dial abort": { run: lookupAborted },
  "client dialled": { run: racedBoth },
  "client route": { run: () => all(sourceTowards("127.0.0.1")) },
  "client route failed": { run: () => all(sourceTowards("255.255.255.255")) },
};
