/** Channels between workers, a worker with a supervisor that only speaks, a supervisor with workers that only speak, and `nagare reload`. */

import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { Ecn } from "../../src/base/datagrams.ts";
import { startSupervised } from "../../src/edge/workers/supervised-server.ts";
import { Certificates } from "../../src/host/certificates/certificates.ts";
import { describeFault, type Fault } from "../../src/host/guard.ts";
import { portableUdp } from "../../src/host/udp/portable-engine.ts";
import { Channel } from "../../src/host/workers/channel.ts";
import { ControlSocket, listServers, requestReload } from "../../src/host/workers/control.ts";
import { Reason } from "../../src/host/workers/steering.ts";
import { Supervisor } from "../../src/host/workers/supervisor.ts";
import { WorkerProcess } from "../../src/host/workers/worker-process.ts";
import { armed } from "./armed.ts";
import { all, closers, identities, log } from "./world.ts";

const onFault = (fault: Fault): void => log(describeFault(fault));
const until = (isDone: () => boolean): Promise<unknown> => vi.waitUntil(isDone, { timeout: 10_000, interval: 5 });
const faultHappened = (): Promise<unknown> => until(() => armed.entry === undefined);

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-workers-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const address = { family: 4, host: "127.0.0.1", port: 443 } as const;
const datagram = { reason: Reason.owned, ecn: Ecn.notEct, local: address, remote: address, bytes: new Uint8Array(20) };

/** Sends a datagram from one channel to another, and closes the way. A stranger may open it instead. */
export async function handedOver(isStranger = false): Promise<void> {
  const folder = temporaryFolder();
  const secret = new Uint8Array(32).fill(7);
  const [a, b] = [0, 1].map((worker) => {
    const channel = new Channel({ folder, secret, self: { generation: 0, worker }, log, onFault });
    closers.push(() => channel.close());
    return channel;
  }) as [Channel, Channel];
  await b.open();
  const arrived = vi.fn();
  b.onBatch = arrived;
  if (isStranger) {
    const stranger = createConnection(join(folder, "0-1"));
    closers.push(() => stranger.destroy());
    stranger.on("error", () => {});
    await faultHappened();
    return;
  }
  a.send({ generation: 0, worker: 1 }, datagram);
  await until(() => armed.entry === undefined || arrived.mock.calls.length > 0);
  a.keep([]);
}

/** A worker that joins, serves and leaves. `last` is what makes it leave. */
export async function joined(
  last: "drain" | "disconnect" | "SIGTERM" | "metrics" = "drain",
  isBroken = false,
): Promise<void> {
  const host = Object.assign(new EventEmitter(), {
    connected: true,
    send: vi.fn(),
    disconnect: () => {},
    exit: () => {},
  });
  const folder = temporaryFolder();
  const joining = WorkerProcess.join({ log, process: host });
  const key = new Uint8Array(16);
  const secret = new Uint8Array(32);
  const place = { generation: 0, worker: 0 };
  const setup = { place, workers: 1, addresses: [], sockets: [], folder, channelSecret: secret, idKey: key, secret };
  host.emit("message", { nagare: "setup", ...setup });
  // A fault in the setup leaves nothing to join.
  if (armed.entry === undefined) return;
  const worker = await joining;
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  worker.attach({
    finished,
    close: async () => {
      if (!isBroken) finish();
    },
    reload: async () => {},
  });
  host.emit("message", { nagare: "certificates", id: 1, tls: [] });
  worker.metrics = async () => "";
  if (last === "metrics") host.emit("message", { nagare: "metrics", id: 2 });
  else if (last === "drain") host.emit("message", { nagare: "drain", timeout: 0, isReload: true });
  else host.emit(last);
  await faultHappened();
}

const program = (...args: readonly string[]) => ({
  executable: process.execPath,
  args: [fileURLToPath(new URL("../../src/host/workers/testing/worker.mjs", import.meta.url)), ...args],
});

/** One worker that starts, gets certificates, is killed, and starts again. */
export async function supervised(
  executable?: string,
  use: (supervisor: Supervisor) => Promise<unknown> = (supervisor) => supervisor.replaceCertificates([]),
): Promise<void> {
  const starting = Supervisor.start({
    port: 0,
    host: "127.0.0.1",
    workers: 1,
    transports: ["tcp"],
    preferred: [],
    udp: portableUdp,
    drainTimeout: 0,
    program: executable === undefined ? program("ready") : { executable, args: [] },
    log,
  });
  await Promise.race([all(starting), faultHappened()]);
  if (armed.entry === undefined) return;
  const supervisor = await starting;
  closers.push(() => supervisor.stop(0));
  await Promise.race([use(supervisor), faultHappened()]);
  process.kill(supervisor.pids[0]!, "SIGKILL");
  await faultHappened();
}

export async function supervisedServer(): Promise<void> {
  const options = { port: 0, host: "127.0.0.1", identities, workers: 1 };
  const server = await startSupervised(options, ["tcp"], {
    certificates: new Certificates(identities, { log }),
    log,
    program: program("ready"),
  });
  await server.close({ timeout: 0 });
  await faultHappened();
}

/** Asks a server to reload; a stranger may ask instead. */
export async function reloadRequested(isStranger = false): Promise<void> {
  const folder = temporaryFolder();
  const facts = { pid: process.pid, port: 443, url: "https://localhost/" };
  const control = await ControlSocket.open({ facts, onReload: async () => {}, log, onFault, folder });
  closers.push(() => control.close());
  if (!isStranger) await Promise.race([all(requestReload(listServers(folder)[0]!, folder)), faultHappened()]);
  else {
    const stranger = createConnection(join(folder, `${process.pid}.sock`));
    closers.push(() => stranger.destroy());
    await once(stranger, "close");
  }
}
