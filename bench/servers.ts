/** The measured servers. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { PeerEntry, RunningServer } from "../interop/peer.ts";
import { caddy } from "../interop/peers/caddy.ts";
import { ngtcp2 } from "../interop/peers/ngtcp2.ts";
import type { CongestionControl } from "../src/congestion/index.ts";
import type { ServerOrder, ServerReady } from "./messages.ts";
import { OwnProcess, type OwnProcessOptions } from "./own-process.ts";
import type { Scratch } from "./scratch.ts";

/** "before" is our server from another checkout. */
export type ServerName = "ours" | "ours, NewReno" | "ours, BBR" | "before" | "caddy" | "ngtcp2" | "node:http2";

export async function startServer(
  name: ServerName,
  scratch: Scratch,
  log: Log,
  before?: string,
): Promise<RunningServer> {
  switch (name) {
    case "ours":
      return startOwn("own-server", scratch);
    case "ours, NewReno":
      return startOwn("own-server", scratch, { congestionControl: "newreno" });
    case "ours, BBR":
      return startOwn("own-server", scratch, { congestionControl: "bbr" });
    case "before":
      return startOwn("own-server", scratch, { checkout: before });
    case "node:http2":
      return startOwn("http2-server", scratch);
    case "caddy":
      return startPeer(caddy, scratch, log);
    case "ngtcp2":
      return startPeer(ngtcp2, scratch, log);
  }
}

type Log = (line: string) => void;

export interface OwnServerOptions extends OwnProcessOptions {
  readonly congestionControl?: CongestionControl;
  /** The address to listen on; loopback by default. */
  readonly host?: string;
}

export async function startOwn(
  name: "own-server" | "http2-server",
  { identity, site }: Scratch,
  { congestionControl, host, ...options }: OwnServerOptions = {},
): Promise<RunningServer> {
  const child = new OwnProcess(name, options);
  const { certFile, keyFile } = identity;
  const order: ServerOrder = {
    certFile,
    keyFile,
    directory: site.directory,
    ...(congestionControl === undefined ? {} : { congestionControl }),
    ...(host === undefined ? {} : { host }),
  };
  const { port } = await child.request<ServerReady>(order);
  return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Throws a `Skip` if the peer is not available. */
async function startPeer(entry: PeerEntry, scratch: Scratch, log: Log): Promise<RunningServer> {
  const { server } = await entry.install(log);
  const directory = await mkdtemp(join(scratch.directory, `${entry.name}-`));
  return server!.start(scratch.identity, { ...scratch, directory });
}
