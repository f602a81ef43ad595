/** The servers that are measured. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { PeerEntry, RunningServer } from "../interop/peer.ts";
import { caddy } from "../interop/peers/caddy.ts";
import { ngtcp2 } from "../interop/peers/ngtcp2.ts";
import type { ServerOrder, ServerReady } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import type { Scratch } from "./scratch.ts";

/** "before": ours, of another checkout. */
export type ServerName = "ours" | "before" | "caddy" | "ngtcp2" | "node:http2";

export async function startServer(name: ServerName, place: Scratch, log: Log, before?: string): Promise<RunningServer> {
  switch (name) {
    case "ours":
      return startOwn("own-server", place);
    case "before":
      return startOwn("own-server", place, before);
    case "node:http2":
      return startOwn("http2-server", place);
    case "caddy":
      return startPeer(caddy, place, log);
    case "ngtcp2":
      return startPeer(ngtcp2, place, log);
  }
}

type Log = (line: string) => void;

export async function startOwn(
  name: "own-server" | "http2-server",
  { identity, site }: Scratch,
  checkout?: string,
): Promise<RunningServer> {
  const child = new OwnProcess(name, checkout);
  const { certFile, keyFile } = identity;
  const order: ServerOrder = { certFile, keyFile, directory: site.directory };
  const { port } = await child.ask<ServerReady>(order);
  return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Throws a `Skip` when the peer is not to be had. */
async function startPeer(entry: PeerEntry, place: Scratch, log: Log): Promise<RunningServer> {
  const { server } = await entry.install(log);
  const directory = await mkdtemp(join(place.directory, `${entry.name}-`));
  return server!.start(place.identity, { ...place, directory });
}
