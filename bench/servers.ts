/** The measured servers. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PeerEntry, RunningServer } from "../interop/peer.ts";
import { bun } from "../interop/peers/bun.ts";
import { caddy, newCaddy } from "../interop/peers/caddy.ts";
import { nginx } from "../interop/peers/nginx.ts";
import { newNgtcp2, ngtcp2 } from "../interop/peers/ngtcp2.ts";
import { quicGo } from "../interop/peers/quic-go.ts";
import { quinn } from "../interop/peers/quinn.ts";
import { s2nQuic } from "../interop/peers/s2n-quic.ts";
import type { CongestionControl } from "../src/congestion/index.ts";
import type { DatapathServerOrder, ServerOrder, ServerReady } from "./messages.ts";
import { OwnProcess, type OwnProcessOptions } from "./own-process.ts";
import { nagareServe } from "./own-serve.ts";
import type { Scratch } from "./scratch.ts";

/**
 * "ours" and "before" are `nagare serve`, the latter of another checkout. "ours, NewReno" and "ours, BBR" are processes
 * of the benchmarks; "datapath" sends the packets of the raw data path.
 */
export type ServerName =
  | "ours"
  | "ours, portable"
  | "before"
  | "ours, NewReno"
  | "ours, BBR"
  | "node:http2"
  | "datapath"
  | keyof typeof PEERS;

/**
 * Files of a folder; a handler that answers `/memory/N` with N bytes, and a POST with the number of its bytes; or a proxy in
 * front of the origin.
 */
export type Content = "files" | "handler" | "proxy";

const PEERS = {
  caddy,
  "caddy-new": newCaddy,
  ngtcp2,
  "ngtcp2-new": newNgtcp2,
  "quic-go": quicGo,
  quinn,
  "s2n-quic": s2nQuic,
  bun,
  nginx,
};

const MODULE = fileURLToPath(new URL("processes/memory-module.js", import.meta.url));

/** Throws a `Skip` if the peer is not available. */
export async function startServer(
  name: ServerName,
  content: Content,
  scratch: Scratch,
  log: Log,
  { before, origin }: { readonly before?: string | undefined; readonly origin?: string | undefined } = {},
): Promise<StartedServer> {
  const ours = async (checkout?: string, env?: Readonly<Record<string, string>>): Promise<StartedServer> => {
    const target = content === "proxy" ? origin! : content === "files" ? scratch.site.directory : MODULE;
    const { identity, place } = scratch;
    const command = content === "proxy" ? "proxy" : "serve";
    return nagareServe({
      command,
      target,
      identity,
      host: place.host,
      checkout,
      ...(env === undefined ? {} : { env }),
    });
  };
  switch (name) {
    case "ours":
      return ours();
    case "ours, portable":
      return ours(undefined, { NAGARE_ENGINE: "portable" });
    case "before":
      return ours(before);
    case "ours, NewReno":
      return startOwn("own-server", scratch, { congestionControl: "newreno" });
    case "ours, BBR":
      return startOwn("own-server", scratch, { congestionControl: "bbr" });
    case "datapath": {
      const child = new OwnProcess("datapath-sender");
      const { port } = await child.request<ServerReady>({ host: scratch.place.host } satisfies DatapathServerOrder);
      return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    }
    case "node:http2":
      return startOwn("http2-server", scratch);
    default:
      return startPeer(PEERS[name], scratch, log, content === "proxy" ? origin : undefined);
  }
}

type Log = (line: string) => void;

export interface StartedServer extends RunningServer {
  /** Of a peer. */
  readonly version?: string;
}

export interface OwnServerOptions extends OwnProcessOptions {
  readonly congestionControl?: CongestionControl;
  /** The address to listen on; that of the place by default. */
  readonly host?: string;
}

export async function startOwn(
  name: "own-server" | "http2-server",
  { identity, site, place }: Scratch,
  { congestionControl, host = place.host, ...options }: OwnServerOptions = {},
): Promise<RunningServer> {
  const child = new OwnProcess(name, options);
  const { certFile, keyFile } = identity;
  const order: ServerOrder = {
    certFile,
    keyFile,
    directory: site.directory,
    ...(congestionControl === undefined ? {} : { congestionControl }),
    host,
  };
  const { port } = await child.request<ServerReady>(order);
  return { port, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

async function startPeer(entry: PeerEntry, scratch: Scratch, log: Log, origin?: string): Promise<StartedServer> {
  const { server, version } = await entry.install(log);
  const directory = await mkdtemp(join(scratch.directory, `${entry.name}-`));
  const settings = { ...scratch.identity, host: scratch.place.host, ...(origin === undefined ? {} : { origin }) };
  const running = await server!.start(settings, { ...scratch, directory });
  return { ...running, version: `${entry.name} ${version}` };
}
