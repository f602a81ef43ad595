/** Traffic through the relay with bad links, and from a TAP device. */

import { createSocket, Socket as Datagram, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { openSync } from "node:fs";
import { vi } from "vitest";
import type { ForeignFunctions } from "../../src/base/foreign.ts";
import { startUdpRelay } from "../../src/host/relay/udp-relay.ts";
import { TapDevice } from "../../src/host/tap/tap-device.ts";
import { closers, log } from "./world.ts";

/** Sends a datagram there and back, and retries if it is lost; then breaks a socket. */
export async function relayedBadly(broken?: "error" | "session error"): Promise<void> {
  const echo = createSocket("udp4");
  const client = createSocket("udp4");
  const send = vi.spyOn(Datagram.prototype as DatagramSocket, "send");
  echo.on("message", (datagram, { port }) => echo.send(datagram, port, "127.0.0.1"));
  for (const socket of [echo, client]) await once(socket.bind(0, "127.0.0.1"), "listening");
  const server = { host: "127.0.0.1", port: echo.address().port };
  const relay = await startUdpRelay({ server, onFault: ({ entry }) => log(`(${entry})`) });
  closers.push(
    () => relay.close(),
    () => echo.close(),
    () => client.close(),
    () => send.mockRestore(),
  );
  let isBack = false;
  client.once("message", () => {
    isBack = true;
  });
  while (!isBack) {
    client.send("there", relay.port, "127.0.0.1");
    await new Promise((resolve) => setImmediate(resolve));
  }
  // The relay itself sent to the client, its session to the server.
  const to = broken === "error" ? client : echo;
  const at = send.mock.calls.findIndex(([, port], i) => {
    const from = send.mock.contexts[i] as DatagramSocket;
    return from !== client && from !== echo && (port as unknown) === to.address().port;
  });
  if (broken !== undefined) (send.mock.contexts[at] as DatagramSocket).emit("error", new Error("broken"));
}

/** A device that the system reports as readable, although it is none. */
export async function readyDevice(): Promise<void> {
  let ready: (() => void) | undefined;
  const ffi = {
    address: () => 0n,
    load: () => ({ func: () => () => -1 }),
    node: {
      poll: (_descriptor: number, _events: unknown, callback: () => void) => {
        ready = callback;
        return { close: () => {} };
      },
    },
  } as unknown as ForeignFunctions;
  const device = new TapDevice(ffi, openSync("/dev/null", "r"), "tap0");
  device.onFault = ({ entry }) => log(`(${entry})`);
  closers.push(() => device.close());
  ready!();
}
