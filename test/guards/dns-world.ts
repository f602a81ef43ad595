/** Questions to DNS servers that answer, truncate, refuse and hang up. */

import { once } from "node:events";
import { createServer } from "node:net";
import { createClient } from "../../src/client/index.ts";
import { parseMessage } from "../../src/dns/index.ts";
import { DnsResolver } from "../../src/host/dns/resolver.ts";
import { nameServer } from "../../src/host/dns/testing/name-server.ts";
import { all, openServer } from "./world.ts";

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

/** A client that races addresses. */
const raced = async (): Promise<void> => {
  const server = await openServer(["h2"]);
  await using client = createClient({ rejectUnauthorized: false, protocols: ["h2"], happyEyeballs: true });
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

export const DNS_TRAFFIC = {
  "client dns udp message": { run: asked("answer.test.") },
  "client dns udp error": { run: refused },
  "client dns udp connected": { run: asked("answer.test.") },
  "client dns stream data": { run: asked("long.test.") },
  "client dns stream error": { run: unanswered(false) },
  "client dns stream closed": { run: unanswered(true) },
  "client dns carried": { run: carried },
  "client dns abort": { run: aborted },
  "client race lookup": { run: raced },
  "client race attempt": { run: raced },
  "client race abort": { run: raceAborted },
};
