/** Traffic between two hosts of our own stack on a cable, and from a TAP device. */

import { openSync } from "node:fs";
import type { ForeignFunctions } from "../../src/base/foreign.ts";
import type { UndiciConnection } from "../../src/host/client/undici-connection.ts";
import { createHost, type NetHost } from "../../src/host/netstack/host.ts";
import { TapLink } from "../../src/host/netstack/tap-link.ts";
import { createCable } from "../../src/link/index.ts";
import { closers, log } from "./world.ts";

const onFault = ({ entry }: { entry: string }): void => log(`(${entry})`);

/** A server, a client that is idle for a while, and a ping to nobody. */
async function ownStack(): Promise<void> {
  const [a, b] = createCable();
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  // A fault may keep the connection from opening, or from ending by itself.
  const endByFault = (fault: { entry: string }): void => {
    onFault(fault);
    end();
  };
  const server = createHost({ device: a, addresses: ["10.77.0.1/24"], onFault: endByFault });
  const client = createHost({ device: b, addresses: ["10.77.0.2/24"], onFault: endByFault });
  closers.push(
    () => server.close(),
    () => client.close(),
  );
  const listener = server.net.createServer((socket) => {
    socket
      .resume()
      .on("error", () => {})
      .once("close", end);
  });
  listener.listen(80);
  const socket = client.net.connect({ host: "10.77.0.1", port: 80 });
  socket.on("error", () => {});
  socket.setTimeout(20, () => socket.end("x"));
  void client.ping("10.77.0.9", { timeout: 1 });
  await over;
  socket.destroy();
  listener.close();
}

/** A device that the system reports as readable, although it is none. */
async function readyLink(): Promise<void> {
  let ready: (() => void) | undefined;
  const ffi = {
    address: () => 0n,
    load: () => ({ func: () => () => -1 }),
    errno: () => 11,
    node: {
      poll: (_descriptor: number, _events: unknown, callback: () => void) => {
        ready = callback;
        return { close: () => {} };
      },
    },
  } as unknown as ForeignFunctions;
  const link = new TapLink(ffi, openSync("/dev/null", "r"), "tap0", { onFault });
  closers.push(() => link.close());
  ready!();
}

/** A host that talks to itself. */
function alone(end = (): void => {}): NetHost {
  const host = createHost({
    device: createCable()[0],
    addresses: ["10.77.0.1/24"],
    onFault: (fault) => {
      onFault(fault);
      end();
    },
    lookup: (_name, _options, callback) => setImmediate(() => callback(null, "127.0.0.1", 4)),
  });
  closers.push(() => host.close());
  return host;
}

/** A connection by name. The fault ends it. */
async function byName(): Promise<void> {
  const host = alone();
  const server = host.net.createServer((socket) => socket.on("error", () => {}).end()).listen(80);
  const socket = host.net.connect(80, "server.test").resume();
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  server.close();
}

async function datagramByName(): Promise<void> {
  const sent = alone().dgram.createSocket("udp4");
  sent.send("x", 9, "server.test");
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  sent.close();
}

const dialled = (port: number) => async (): Promise<void> => {
  await new Promise<void>((resolve) => {
    const host = alone(resolve);
    host.net.createServer((socket) => socket.on("error", () => {})).listen(80);
    const target = { hostname: "127.0.0.1", protocol: "http:", port: String(port) } as UndiciConnection;
    host.undiciConnect()(target, (_error, socket) => {
      socket?.on("error", () => {}).destroy();
      resolve();
    });
  });
};

export const NETSTACK_TRAFFIC = {
  "netstack device": { run: readyLink },
  "netstack turn": { run: ownStack },
  "netstack event": { run: ownStack },
  "netstack deferred": { run: ownStack },
  "netstack socket closed": { run: ownStack },
  "netstack idle": { run: ownStack },
  "netstack ping": { run: ownStack },
  "netstack lookup": { run: byName },
  "netstack name": { run: datagramByName },
  "netstack dialled": { run: dialled(80) },
  "netstack dial failed": { run: dialled(81) },
};
