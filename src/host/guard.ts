/**
 * The guard at each entry from Node into this code. An unguarded exception in a listener, a timer, a callback or a
 * floating promise would end the process. Guarded, it reaches the owner of the entry, which ends what the fault
 * affected (at most one connection) and reports it.
 *
 * Each entry has a unique name, used once. test/guards/ finds entries without a guard, and throws in each guarded one.
 */

import { printable } from "../wire/printable.ts";

export const ENTRIES = [
  // The UDP socket
  "udp message",
  "udp error",
  "udp sent",
  "udp connected sent",
  "udp turn",
  "udp addresses",
  "udp strays",
  "udp ready",
  "udp read",
  // The relay with bad links
  "relay message",
  "relay error",
  "relay session message",
  "relay session error",
  "tap ready",
  // The stack of our own on a device
  "netstack device",
  "netstack turn",
  "netstack event",
  "netstack deferred",
  "netstack socket closed",
  "netstack idle",
  "netstack ping",
  // The QUIC driver, and HTTP/3 above it
  "quic batch",
  "quic client certificate",
  "quic event",
  "quic flush",
  "quic timer",
  "h3 events",
  "h3 abort",
  "h3 drained",
  "h3 released",
  "h3 reset",
  "h3 cut-off",
  "h3 drain step",
  "h3 late heads",
  "budget sweep",
  "file watch",
  "sites retired",
  "deprecation report",
  "hand back",
  "spool write",
  // A relay of live media
  "live request",
  "live token",
  // Compression of responses
  "compression data",
  "compression end",
  "compression drain",
  "compression error",
  "compression flush",
  "compression written",
  // Recording in qlog
  "qlog timer",
  "qlog write",
  // A DNS server
  "dns datagram",
  "dns connection",
  "dns connection idle",
  "dns connection closed",
  "dns connection data",
  "dns connection drain",
  "dns zone changed",
  // The TCP listener, HTTP/1.1 and HTTP/2 above it
  "tcp server error",
  "tcp other connection",
  "tcp connection",
  "tcp close",
  "tcp connection close",
  "tcp cut-off",
  "tcp drain",
  "tls challenge",
  "tls secure",
  "tls server name",
  "tls key log",
  "tls client error",
  "http1 request",
  "http1 continue",
  "http1 begin",
  "http1 resume",
  "http1 client error",
  "http1 dropped request",
  "http1 upgrade",
  "http1 upgrade refused",
  "http1 refusal linger",
  "http1 refusal closed",
  "http1 close",
  "http1 timeout",
  "http1 head",
  "http1 content",
  "http1 content end",
  "http1 accepted",
  "http1 closed",
  "http1 read on",
  "http1 drain",
  "http1 released",
  "http1 reset",
  "http2 session",
  "http2 session idle",
  "http2 session end",
  "http2 control frame",
  "http2 cut off",
  "http2 reset",
  "http2 stream",
  "http2 begin",
  "http2 turn",
  "http2 trailers",
  "http2 closed",
  "http2 look",
  "http2 tap",
  "http2 tap data",
  "http2 tap end",
  "http2 tap close",
  "http2 released",
  "http2 wants trailers",
  "http2 finish",
  "http2 stop",
  "http2 end known",
  "tunnel drain",
  "tunnel aborted",
  "tunnel closed",
  // Exchanges as Node's (req, res)
  "node flush",
  "node finish",
  "node callback",
  "node response close",
  "node socket timeout",
  "node tunnel refused",
  "body readable",
  "body end",
  "response look-ahead",
  "response turn",
  // Certificates
  "certificate timer",
  "certificate check",
  "acme certificate",
  "acme storage",
  "acme server name",
  // The edge
  "access log error",
  "server signal",
  "server close",
  "relay outward",
  "relay inward",
  "redirect error",
  "redirect request",
  "redirect challenge",
  "acme http port",
  "file open",
  "file content",
  "file part",
  "file turn",
  "file answers",
  "file engine",
  "proxy pump",
  "proxy dialled",
  "proxy own dialled",
  "proxy lookup",
  "proxy left address",
  "proxy timeout",
  "proxy deadline",
  "proxy retry",
  "proxy health check",
  "proxy late health check",
  "proxy protocol connection",
  "proxy protocol data",
  "proxy protocol late",
  "proxy protocol gone",
  "proxy protocol closed",
  "proxy tunnel idle",
  "proxy tunnel content",
  "connect-udp request",
  "connect-udp lookup",
  "connect-udp idle",
  "connect-udp socket",
  "upload request",
  "upload node request",
  "upload stalled",
  "upload sweep",
  "upload sweep due",
  "upload lock",
  // nagare/node
  "node new listener",
  "node signal",
  "node close callback",
  "node close",
  "node connections",
  // Workers
  "worker channel opened",
  "worker channel flush",
  "worker channel lost",
  "worker channel silence",
  "worker channel closed",
  "worker channel data",
  "worker setup",
  "worker command",
  "worker orphaned",
  "worker signal",
  "worker finished",
  "worker new certificates",
  "worker close",
  "worker leftovers",
  "worker metrics",
  "worker metrics late",
  "worker message",
  "worker error",
  "worker exit",
  "workers ended",
  "control opened",
  "control closed",
  "control silence",
  "control data",
  "control answer",
  "client reload answer",
  "client reload end",
  // Metrics and health
  "event loop lag",
  "status request",
  "status page",
  // systemd
  "service manager watchdog",
  // Lines for readers that may hang
  "line writer",
  // The command line, while it serves
  "cli signal",
  "cli stop",
  "cli quit",
  "cli reload",
  "cli reloaded",
  "cli browser",
  "cli browser profile",
  // The memcached proxy
  "memcache connection",
  "memcache listening",
  "memcache server error",
  "memcache client data",
  "memcache client drain",
  "memcache client end",
  "memcache client error",
  "memcache client closed",
  "memcache backend connected",
  "memcache backend data",
  "memcache backend error",
  "memcache backend closed",
  "memcache config change",
  "memcache watch error",
  "memcache reload",
  "memcache reloaded",
  "memcache flush",
  "memcache timer",
  "memcache names timer",
  "memcache names",
  // The client
  "client socket event",
  "client socket error",
  "client socket close",
  "client socket abort",
  "client key log",
  "client pump",
  "client retry",
  "client timeout",
  "client close timeout",
  "client starvation",
  "client abort",
  "client timer",
  "client HTTP/3 begun",
  "client HTTP/3 dialled",
  "client TCP dialled",
  "client session closed",
  "client connect timeout",
  "client dial abort",
  "client lookup",
  "client address",
  "client inflated",
  "client inflate error",
  "client inflate end",
  "client h1 taken",
  "client h1 reset",
  "client h1 closed",
  "client h1 destroyed",
  "client h1 start",
  "client h1 sent",
  "client h1 head",
  "client h1 data",
  "client h1 end",
  "client h1 upgrade",
  "client h1 tunnel data",
  "client h1 tunnel end",
  "client h1 tunnel error",
  "client h1 tunnel close",
  "client h1 tunnel content",
  "client h1 tunnel room",
  "client h1 error",
  "client h2 connect",
  "client h2 settings",
  "client h2 origin",
  "client h2 altsvc",
  "client h2 timeout",
  "client h2 goaway",
  "client h2 error",
  "client h2 session closed",
  "client h2 invalid",
  "client h2 close",
  "client h2 body",
  "client h2 room",
  "client h2 continue",
  "client h2 headers",
  "client h2 response",
  "client h2 data",
  "client h2 trailers",
  "client h2 wants trailers",
  "client h2 end",
  "client h2 stream error",
  "client h2 stream close",
  "client h3 abort",
  "client h3 certificate",
  "client h3 lost",
  "client h3 invalid",
  "client h3 body",
  "client h3 resume",
  "client h3 closed",
  "client h3 move",
  "client h3 socket",
  // DNS
  "client stream ready",
  "client stream failed",
  "client stream abort",
  "client stream delivered",
  "client dns udp message",
  "client dns udp error",
  "client dns udp connected",
  "client dns stream data",
  "client dns stream error",
  "client dns stream closed",
  "client dns carried",
  "client dns abort",
  "client dns quic abort",
  "client dns quic closed",
  "client dialled",
  "client shared session",
  "client preconnect unused",
  "client race lookup",
  "client race attempt",
  "client race abort",
  "client route",
  "client route failed",
  // UDP through a proxy
  "client udp early",
  "client udp turn",
  "client udp room",
  "client udp idle",
  "client udp flow",
  "client udp closed",
  "client upload stalled",
  // The load generator
  "client load room",
  "client load retry",
  "client load dialled",
  "client load closed",
  "client load turn",
  "client load sweep",
  "client webtransport connect",
  "client webtransport closed",
  "client webtransport abort",
  "client webtransport turn",
  "webtransport flush",
  "websocket close timeout",
  // nagare/undici
  "client dispatch body",
  "client dispatch disconnect",
] as const;

export type Entry = (typeof ENTRIES)[number];

export interface Fault {
  /** The entry, or the machine that reported the fault itself. */
  readonly entry: Entry | "quic endpoint" | "quic connection" | "qlog event";
  readonly error: Error;
}

/** Wraps `run` for Node to call. `onFault` ends what the fault affected; it also receives the entry's arguments. */
export function guard<Args extends unknown[], OnFault extends (fault: Fault, ...args: Args) => void>(
  entry: Entry,
  onFault: OnFault,
  run: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      run(...args);
    } catch (error) {
      handle({ entry, error: asError(error) }, (fault) => onFault(fault, ...args));
    }
  };
}

/** Guards a promise that is not awaited. */
export function detach(entry: Entry, onFault: (fault: Fault) => void, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => handle({ entry, error: asError(error) }, onFault));
}

function handle(fault: Fault, onFault: (fault: Fault) => void): void {
  try {
    onFault(fault);
  } catch (error) {
    reportFault(fault);
    reportFault({ entry: fault.entry, error: asError(error) });
  }
}

/** A log line: the fault, and where it was thrown. */
export function describeFault({ entry, error }: Fault): string {
  const place = error.stack?.split("\n").find((line) => line.startsWith("    at "));
  const where = place === undefined ? "" : ` (${place.trim()})`;
  return printable(`nagare: internal fault (${entry}): ${error.name}: ${error.message}${where}`.replaceAll("\n", " "));
}

/** Reports to standard error, for owners without a log. */
export function reportFault(fault: Fault): void {
  process.stderr.write(`${describeFault(fault)}\n`);
}

/** A listener for events that need no action. */
export function ignore(): void {}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
