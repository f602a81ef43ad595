/** Traffic of a server with operations: access log, metrics, limits. */

import { once } from "node:events";
import { Writable } from "node:stream";
import { serve } from "../../src/edge/serve.ts";
import { describeFault } from "../../src/host/guard.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { LineWriter } from "../../src/host/line-writer.ts";
import { ServiceManager } from "../../src/host/system/service-manager.ts";
import { openNotifySocket } from "../../src/host/system/testing/notify-socket.ts";
import { joined, supervised } from "./workers-world.ts";
import { all, closers, log, openClient } from "./world.ts";

/** A stalled reader resumes. */
async function readerResumes(): Promise<void> {
  const output = new Writable({ write: (_chunk, _encoding, callback) => void setImmediate(callback) });
  new LineWriter(output).write("x".repeat(1 << 20));
  await once(output, "drain");
}

/** A disk without room. */
async function logFails(): Promise<void> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, accessLog: "/dev/full", log },
    () => new Response("hello"),
  );
  closers.push(() => server.close({ timeout: 0 }));
  await openClient(server, "h2").get("/");
}

/** A report on deprecated routes that comes soon. */
async function reported(): Promise<void> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, deprecationReport: { interval: 2, onReport: () => {} }, log },
    () => new Response("hello", { headers: { deprecation: "@1" } }),
  );
  closers.push(() => server.close({ timeout: 0 }));
  await openClient(server, "h2").get("/");
}

/** A scrape of the metrics. */
async function scraped(): Promise<void> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, metrics: { port: 0 }, log },
    () => new Response("hello"),
  );
  closers.push(() => server.close({ timeout: 0 }));
  await all(fetch(server.metricsUrl!).then((response) => response.text()));
}

/** A service manager that expects signs of life. */
async function watched(): Promise<void> {
  const socket = openNotifySocket();
  closers.push(() => socket[Symbol.dispose]());
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "2000" };
  const manager = await ServiceManager.open({ env, log, onFault: (fault) => log(describeFault(fault)) });
  closers.push(() => manager?.close());
}

export const OPERATIONS_TRAFFIC = {
  "line writer": { run: readerResumes },
  "access log error": { run: logFails },
  "deprecation report": { run: reported },
  "event loop lag": { run: scraped },
  "status request": { run: scraped },
  "status page": { run: scraped },
  "service manager watchdog": { run: watched },
  "worker metrics": { run: () => joined("metrics") },
  "worker metrics late": { run: () => supervised(undefined, (supervisor) => supervisor.metrics()) },
};
