/** The options of a UDP relay, checked before anything is opened. */

import { isIP } from "node:net";
import { type LineOptions, lineOptionsProblem } from "../../base/impairment/index.ts";
import { type Instant, type Micros, seconds } from "../../base/time.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type Fault, reportFault } from "../guard.ts";
import type { LineDirection } from "./line-pair.ts";

export interface UdpRelayOptions {
  /** The server's address, not a name. */
  readonly server: { readonly host: string; readonly port: number };
  /** The address for clients; that of the server's family on loopback by default. */
  readonly host?: string;
  /** The port for clients; the system chooses by default. */
  readonly port?: number;
  /** The link for all datagrams to the server. */
  readonly up?: LineOptions;
  /** The link for all datagrams to clients. */
  readonly down?: LineOptions;
  /** Determines random losses and the like; 1 by default. */
  readonly seed?: number;
  /** Each client's datagrams come from a new port, as through a NAT that changes its mappings. */
  readonly rebinding?: {
    readonly every: Micros;
    /** Since the client's first datagram; `every` by default. */
    readonly first?: Micros;
    /** The local addresses of the ports, in turn. */
    readonly addresses?: readonly string[];
  };
  /** Datagrams of further clients are dropped; 1000 by default. */
  readonly maxSessions?: number;
  /** A client that sends nothing for this long is forgotten; 2 minutes by default. */
  readonly sessionTimeout?: Micros;
  /** Called with each datagram that comes in from a client ("up") or from the server, and that is passed on. */
  readonly observe?: RelayObserver;
  readonly clock?: HostClock;
  readonly onFault?: (fault: Fault) => void;
}

/** The datagram must not be kept or changed. */
export type RelayObserver = (
  what: "received" | "forwarded",
  direction: LineDirection,
  datagram: Uint8Array,
  now: Instant,
) => void;

export interface RelaySettings extends Required<Omit<UdpRelayOptions, "rebinding" | "up" | "down" | "observe">> {
  readonly up: LineOptions;
  readonly down: LineOptions;
  readonly rebinding: UdpRelayOptions["rebinding"];
  readonly observe: RelayObserver | undefined;
}

/** An option of a relay is invalid. */
export class RelayOptionError extends TypeError {
  override readonly name = "RelayOptionError";
  readonly code = "OPTION_INVALID";
}

const MAX_SESSIONS = 1_000;
const SESSION_TIMEOUT = seconds(120);

function invalid(option: string, problem: string): never {
  throw new RelayOptionError(`the relay's ${option} ${problem}`);
}

function checkAddress(option: string, host: unknown): asserts host is string {
  if (typeof host !== "string" || isIP(host) === 0) invalid(option, `must be an IP address, not ${String(host)}`);
}

function checkWhole(option: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): void {
  const isValid = typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
  if (isValid) return;
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  invalid(option, `must be a whole number ${bounds}, not ${String(value)}`);
}

const OPTIONS: Readonly<Record<keyof UdpRelayOptions, true>> = {
  server: true,
  host: true,
  port: true,
  up: true,
  down: true,
  seed: true,
  rebinding: true,
  maxSessions: true,
  sessionTimeout: true,
  observe: true,
  clock: true,
  onFault: true,
};

/** Throws a `RelayOptionError`. */
export function checkRelayOptions(options: UdpRelayOptions): RelaySettings {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new RelayOptionError(`unknown relay option ${name}; there are ${Object.keys(OPTIONS).join(", ")}`);
    }
  }
  const {
    server,
    rebinding,
    port = 0,
    seed = 1,
    maxSessions = MAX_SESSIONS,
    sessionTimeout = SESSION_TIMEOUT,
  } = options;
  if (typeof server !== "object" || server === null) invalid("server", "must have a host and a port");
  checkAddress("server.host", server.host);
  checkWhole("server.port", server.port, 1, 65_535);
  const { host = isIP(server.host) === 6 ? "::1" : "127.0.0.1" } = options;
  checkAddress("host", host);
  checkWhole("port", port, 0, 65_535);
  checkWhole("seed", seed, 0, 0xffff_ffff);
  checkWhole("maxSessions", maxSessions, 1);
  checkWhole("sessionTimeout", sessionTimeout, 1);
  if (rebinding !== undefined) checkRebinding(rebinding, isIP(server.host));
  return {
    server: { host: canonical(server.host), port: server.port },
    host,
    port,
    up: lineOptions("up", options.up),
    down: lineOptions("down", options.down),
    seed,
    rebinding,
    observe: options.observe,
    maxSessions,
    sessionTimeout,
    clock: options.clock ?? systemClock,
    onFault: options.onFault ?? reportFault,
  };
}

/** As sockets report it. */
const canonical = (host: string): string =>
  isIP(host) === 6 ? new URL(`udp://[${host}]`).hostname.slice(1, -1) : host;

function lineOptions(name: "up" | "down", given: LineOptions = {}): LineOptions {
  const problem = lineOptionsProblem(given);
  if (problem !== undefined) invalid(name, problem);
  return given;
}

function checkRebinding({ every, first, addresses }: NonNullable<UdpRelayOptions["rebinding"]>, family: number): void {
  checkWhole("rebinding.every", every, 1);
  if (first !== undefined) checkWhole("rebinding.first", first, 1);
  if (addresses === undefined) return;
  if (!Array.isArray(addresses) || addresses.length === 0)
    invalid("rebinding.addresses", "must be a list of addresses");
  for (const address of addresses) {
    checkAddress("rebinding.addresses", address);
    if (isIP(address) !== family) invalid("rebinding.addresses", `must have the server's family, unlike ${address}`);
  }
}
