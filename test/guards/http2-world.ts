/** Over HTTP/2: two responses that wait for each other, a listener that reads PRIORITY_UPDATE frames, and a flood. */

import { vi } from "vitest";
import { Client, createClient } from "../../src/client/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { serveHttp2, testCertificate } from "../../src/host/client/testing/servers.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { frame, PING } from "../../src/host/http/testing/http2-frames.ts";
import { RawHttp2 } from "../../src/host/http/testing/raw-http2.ts";
import { armed } from "./armed.ts";
import { all, closers, identities, log, openClient, openServer } from "./world.ts";

const contention = async (http2PriorityUpdate: boolean): Promise<void> => {
  const service = createFetchHandler(() => new Response(new Uint8Array(1_000_000)), { log });
  const options = {
    port: 0,
    host: "127.0.0.1",
    identities,
    log,
    protocols: ["h2", "http/1.1"],
    http2PriorityUpdate,
  } as const;
  const server = await startServer(options, service);
  closers.push(() => server.close({ timeout: 0 }));
  const { client, get } = openClient(server, "h2");
  await all(get("/"), get("/"));
  await all(client.close());
};

/** A server that sends ALTSVC and ORIGIN frames, and serves two names. */
const announced = async (): Promise<void> => {
  const { authority } = testCertificate();
  const server = await serveHttp2(
    (_request, response) => void response.end(),
    authority.issue({ names: ["a.test", "b.test"] }),
    (tcp) =>
      tcp.on("session", (session) => {
        session.altsvc('h3=":1"', "https://a.test");
        session.origin("https://a.test");
      }),
  );
  closers.push(() => server.close());
  const resolve = (): string[] => ["127.0.0.1"];
  await using client = createClient({ ca: authority.ca, protocols: ["h2"], resolve });
  await all(client.fetch(`https://a.test:${server.port}/`));
};

const shared = async (): Promise<void> => {
  const { authority } = testCertificate();
  const issued = authority.issue({ names: ["a.test", "b.test"] });
  const server = await serveHttp2((_request, response) => void response.end(), issued);
  closers.push(() => server.close());
  const resolve = (): string[] => ["127.0.0.1"];
  await using client = createClient({ ca: authority.ca, protocols: ["h2"], coalesce: true, resolve });
  for (const host of ["a.test", "b.test"]) await all(client.fetch(`https://${host}:${server.port}/`));
};

/** A connection that no request uses: its time is over at once. */
const unused = async (): Promise<void> => {
  const { authority } = testCertificate();
  const server = await serveHttp2((_request, response) => void response.end());
  closers.push(() => server.close());
  const startTimer: typeof systemClock.startTimer = (callback, milliseconds) =>
    systemClock.startTimer(callback, milliseconds === 10_000 ? 1 : milliseconds);
  const options = { ca: authority.ca, protocols: ["h2"], connectTimeout: 20_000 } as const;
  await using client = new Client(options, { ...systemClock, startTimer });
  client.preconnect(server.url);
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 20_000 });
};

/** More PINGs than a client may send. */
const flood = async (): Promise<void> => {
  const server = await openServer(["h2"]);
  const client = await RawHttp2.open(server.port);
  closers.push(() => client.close());
  client.sendFrame(Buffer.concat(Array.from({ length: 1_500 }, () => frame(PING, 0, 0, new Uint8Array(8)))));
  await client.whenOver();
};

const tapped = { run: () => contention(true) };

export const HTTP2_TRAFFIC = {
  "client h2 origin": { run: announced },
  "client h2 altsvc": { run: announced },
  "client shared session": { run: shared },
  "client preconnect unused": { run: unused },
  "http2 cut off": { run: flood },
  "http2 reset": { run: flood },
  "http2 look": { run: () => contention(false) },
  "http2 tap": tapped,
  "http2 tap data": tapped,
  "http2 tap end": tapped,
  "http2 tap close": tapped,
};
