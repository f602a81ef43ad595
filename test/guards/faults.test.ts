/**
 * An exception in any entry from Node ends at most one connection. Each entry of the table throws once, under traffic
 * that reaches it; the process must keep running, the server must log it, and the next client must be served.
 */

import { createSocket, Socket as Datagram, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { Readable } from "node:stream";
import { expect, test, vi } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { serve } from "../../src/edge/serve.ts";
import { fastEngine } from "../../src/host/engine/engine.ts";
import { ENTRIES, type Entry } from "../../src/host/guard.ts";
import { TcpListener } from "../../src/host/http/tcp-listener.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { armed } from "./armed.ts";
import { browserExits, reloadServe, rotated, stopServe } from "./cli-world.ts";
import { dispatched, failing, tunnelled } from "./dispatch-world.ts";
import { moveAway, withEngine } from "./engine-world.ts";
import { generated } from "./load-world.ts";
import { certified, nodeTraffic, slowHead } from "./node-world.ts";
import { PROXY_TRAFFIC } from "./proxy-world.ts";
import { recorded } from "./qlog-world.ts";
import { readyDevice, relayedBadly } from "./relay-world.ts";
import { TRAFFIC } from "./traffic.ts";
import { handedOver, joined, reloadRequested, supervised, supervisedServer } from "./workers-world.ts";
import {
  all,
  askRedirect,
  burst2,
  closers,
  closing,
  cutShort,
  dialled,
  emitError,
  garbage,
  h1,
  h2,
  h3,
  identities,
  log,
  logged,
  lost,
  nextServer,
  nowhere,
  openClient,
  openServer,
  originUrl,
  plainHttp,
  poke1,
  poke2,
  raw3,
  redirect,
  relayed,
  retire,
  servers,
  signalled,
  sockets,
  strayDatagram,
  tcpServer,
  tunnel,
  uncaught,
  viaProxy,
} from "./world.ts";

vi.mock("../../src/host/guard.ts", async (load) => {
  const real = await load<typeof import("../../src/host/guard.ts")>();
  const { armed } = await import("./armed.ts");
  const inject = (entry: string): void => {
    if (armed.entry !== entry || armed.passing-- > 0) return;
    armed.entry = undefined;
    throw new Error(`injected at ${entry}`);
  };
  return {
    ...real,
    guard: (entry: Entry, onFault: (...args: unknown[]) => void, run: (...args: unknown[]) => void) =>
      real.guard(entry, onFault, (...args: unknown[]) => {
        inject(entry);
        run(...args);
      }),
    detach: (entry: Entry, onFault: Parameters<typeof real.detach>[1], promise: Promise<unknown>) =>
      real.detach(
        entry,
        onFault,
        promise.then(() => inject(entry)),
      ),
  } as typeof real;
});
interface Scenario {
  readonly run: () => Promise<unknown>;
  /** Calls that do not throw, because they belong to the client, which has no log. */
  readonly passing?: number;
}

const at = (run: () => Promise<unknown>, passing = 0): Scenario => ({ run, passing });

const SCENARIOS: Record<Entry, Scenario> = {
  ...TRAFFIC,
  "udp message": at(withEngine("portable", h3)),
  "udp error": at(withEngine("portable", () => emitError(() => sockets[0]!))),
  "udp sent": at(
    withEngine("portable", async () => {
      // The server's socket, which has a log, is bound first.
      const full = vi.spyOn(Datagram.prototype as DatagramSocket, "getSendQueueSize");
      full.mockImplementation(function (this: DatagramSocket) {
        return this === sockets[0] ? 1 : 0;
      });
      await h3().finally(() => full.mockRestore());
    }),
  ),
  "udp connected sent": at(withEngine("portable", h3)),
  "udp turn": at(withEngine("portable", h3)),
  "udp ready": at(withEngine("fast", h3)),
  "udp read": at(withEngine("fast", h3)),
  "udp addresses": at(strayDatagram),
  "udp strays": at(strayDatagram),
  "relay message": at(relayedBadly),
  "relay error": at(() => relayedBadly("error")),
  "relay session message": at(relayedBadly),
  "relay session error": at(() => relayedBadly("session error")),
  "tap ready": at(readyDevice),
  "quic batch": at(h3),
  "quic client certificate": at(certified),
  "quic event": at(h3),
  "quic flush": at(h3, 1),
  "quic timer": at(() =>
    raw3((client) => client.request({ path: "/timers" }).response.then((response) => response.text())),
  ),
  // The server reads before its client does.
  "h3 events": at(() => raw3((client) => client.request({ method: "POST", path: "/echo", body: "x" }).response)),
  "h3 abort": at(() => closing("h3", 0)),
  "h3 released": at(h3),
  "h3 reset": at(() => cutShort("h3")),
  "h3 drained": at(() => closing("h3", 5000)),
  "h3 late heads": at(slowHead),
  "h3 cut-off": at(() => closing("h3", 0)),
  "h3 drain step": at(() => closing("h3", 5_000, 1)),
  "budget sweep": at(async () => {
    await all(openClient(await openServer(["h2"]), "h2").get("/"));
    await vi.waitUntil(() => armed.entry === undefined);
  }),
  "qlog timer": at(recorded),
  "qlog write": at(recorded),
  "tcp server error": at(() => emitError(() => servers[0]!)),
  "tcp other connection": at(async () => {
    const listener = new TcpListener({
      identities,
      onExchange: (exchange) => exchange.respond(204, [], { endStream: true }),
      onFault: ({ entry }) => log(`(${entry})`),
    });
    closers.push(() => listener.close(0));
    await listener.listen(0, "127.0.0.1");
    const { port } = await listener.listen(0, "127.0.0.1");
    for (let i = 0; i < 2; i++) await all(lost(port, { protocols: ["http/1.1"] }));
  }),
  "tcp connection": at(h2),
  "tcp close": at(h2),
  "tcp connection close": at(h2),
  "tcp cut-off": at(() => closing("http/1.1", 0)),
  "http2 end known": at(() => closing("h2", 5_000, 1)),
  "tcp drain": at(() => closing("http/1.1", 5_000)),
  "tls secure": at(h2),
  "tls server name": at(h2),
  "tls key log": at(h2),
  "tls client error": at(plainHttp),
  "http1 request": at(h1),
  "http1 continue": at(poke1),
  "http1 begin": at(h1),
  "http1 resume": at(h1),
  "http1 client error": at(() => garbage()),
  "http1 dropped request": at(nodeTraffic),
  "http1 upgrade": at(() => all(tunnel("http/1.1", "ended"))),
  "http1 upgrade refused": at(() => all(tunnel("http/1.1", "refused"))),
  "http1 refusal linger": at(() => garbage({ stays: true })),
  "http1 refusal closed": at(() => garbage()),
  "http1 close": at(h1),
  "http1 timeout": at(async () => {
    const server = await openServer(["http/1.1"]);
    const rest = (socket: unknown) => setImmediate(() => servers[0]!.emit("timeout", socket));
    servers[0]!.on("secureConnection", rest);
    await all(openClient(server, "http/1.1").get("/"));
    servers[0]!.off("secureConnection", rest);
  }),
  "http1 head": at(h1),
  "http1 content": at(poke1),
  "http1 content end": at(h1),
  "http1 accepted": at(h1),
  "http1 closed": at(h1),
  "http1 read on": at(nodeTraffic),
  "http1 drain": at(h1),
  "http1 released": at(h1),
  "http1 reset": at(() => cutShort("http/1.1")),
  "http2 session": at(h2),
  "http2 session idle": at(async () => {
    const server = await openServer(["h2"]);
    servers[0]!.on("session", (session) => setImmediate(() => session.emit("timeout")));
    await all(openClient(server, "h2").get("/"));
    await all(openClient(server, "h2").get("/"));
  }),
  "http2 session end": at(h2),
  "http2 control frame": at(h2),
  "http2 stream": at(h2),
  "http2 begin": at(h2),
  "http2 turn": at(burst2),
  "http2 trailers": at(poke2),
  "http2 closed": at(h2),
  "http2 released": at(h2),
  "http2 wants trailers": at(h2),
  "http2 finish": at(poke2),
  "http2 stop": at(poke2),
  "tunnel drain": at(() => all(tunnel("http/1.1", "ended"))),
  "tunnel aborted": at(() => all(tunnel("h2", "aborted"))),
  "tunnel closed": at(() => all(tunnel("h2", "ended"))),
  "node flush": at(nodeTraffic),
  "node finish": at(nodeTraffic),
  "node callback": at(nodeTraffic),
  "node response close": at(nodeTraffic),
  "node socket timeout": at(nodeTraffic),
  "node tunnel refused": at(nodeTraffic),
  "body readable": at(h2),
  "body end": at(h2),
  "response look-ahead": at(h2),
  "response turn": at(h2),
  "certificate timer": at(rotated),
  "certificate check": at(rotated),
  "server signal": at(async () => {
    const controller = new AbortController();
    const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, signal: controller.signal, log };
    const server = await serve(options, () => new Response());
    controller.abort();
    await server.close({ timeout: 0 });
  }),
  "server close": at(signalled),
  "relay outward": at(relayed),
  "relay inward": at(relayed),
  "redirect error": at(() => redirect(async () => servers[0]!.emit("error", new Error("no descriptor is left")))),
  "redirect request": at(() => redirect((port) => all(askRedirect(port)).then(() => askRedirect(port)))),
  "file open": at(h2),
  "file content": at(h2),
  "file part": at(withEngine("portable", h2)),
  "file turn": at(
    withEngine("fast", async () => {
      // The engine is loaded during the first transfer.
      await h2();
      await h2();
    }),
  ),
  "file engine": at(h2),
  "file answers": at(h2),
  ...PROXY_TRAFFIC,
  "node new listener": at(nodeTraffic),
  "node signal": at(nodeTraffic),
  "node close callback": at(nodeTraffic),
  "node close": at(nodeTraffic),
  "node connections": at(nodeTraffic),
  "worker channel opened": at(handedOver),
  "worker channel flush": at(handedOver),
  "worker channel lost": at(handedOver),
  "worker channel silence": at(() => handedOver(true)),
  "worker channel closed": at(handedOver),
  "worker channel data": at(handedOver),
  "worker setup": at(joined),
  "worker command": at(joined),
  "worker orphaned": at(() => joined("disconnect")),
  "worker signal": at(() => joined("SIGTERM")),
  "worker finished": at(joined),
  "worker new certificates": at(joined),
  "worker close": at(joined),
  "worker leftovers": at(joined),
  "worker message": at(supervised),
  "worker error": at(() => supervised("/nowhere/node")),
  "worker exit": at(supervised),
  "workers ended": at(supervisedServer),
  "control opened": at(reloadRequested),
  "control closed": at(reloadRequested),
  "control silence": at(() => reloadRequested(true)),
  "control data": at(reloadRequested),
  "control answer": at(reloadRequested),
  "cli signal": at(() => stopServe({ impatient: false })),
  "cli stop": at(() => stopServe({ impatient: false })),
  "cli quit": at(() => stopServe({ impatient: true })),
  "cli reload": at(reloadServe),
  "cli reloaded": at(reloadServe),
  "cli browser": at(browserExits),
  "cli browser profile": at(browserExits),
  "client socket event": at(h2),
  "client socket error": at(async () => {
    const port = await tcpServer(() => undefined);
    await closers.pop()!();
    await all(lost(port, { protocols: ["h2"] }));
  }),
  "client socket close": at(async () => {
    const port = await tcpServer(() => dialled.at(-1)!.emit("close"));
    await all(lost(port, { protocols: ["h2"] }));
  }),
  "client socket abort": at(async () => {
    const controller = new AbortController();
    const port = await tcpServer(() => controller.abort());
    await all(lost(port, { protocols: ["h2"] }, controller.signal));
  }),
  "client key log": at(h2),
  "client pump": at(h2),
  "client retry": at(async () => {
    const client = createClient();
    closers.push(() => client.destroy());
    for (let i = 0; i < 3; i++) await all(client.fetch(`${originUrl()}/every-other`).then((each) => each.text()));
  }),
  "client timeout": at(async () => {
    const server = await openServer();
    await all(openClient(server, "http/1.1", { headersTimeout: 1 }).get("/never"));
  }),
  "client close timeout": at(async () => {
    const client = createClient({ rejectUnauthorized: false, protocols: ["h2"] });
    const server = await openServer();
    const response = await client.fetch(`${server.url}big.bin`);
    await client.close({ timeout: 0 });
    await all(response.text());
  }),
  "client starvation": at(async () => {
    await all(openClient(await openServer(["h3"]), "h3").get("/"));
    await vi.waitUntil(() => armed.entry === undefined, { timeout: 10_000 });
  }),
  "client abort": at(h2),
  "client timer": at(async () => {
    const server = await openServer();
    const { signal } = new AbortController();
    const http3 = {
      connect: () => new Promise<never>((_, reject) => signal.addEventListener("abort", reject)),
      close: () => Promise.resolve(),
    };
    await all(openClient(server, "h3", { http3, headStart: 1, protocols: ["h3", "h2"] }).get("/"));
  }),
  "client HTTP/3 begun": at(h3),
  "client HTTP/3 dialled": at(h3),
  "client TCP dialled": at(h2),
  "client session closed": at(h2),
  "client connect timeout": at(() => all(nowhere())),
  "client lookup": at(h2),
  "client address": at(h3),
  "client inflated": at(h2),
  "client inflate error": at(h2),
  "client inflate end": at(h2),
  "client h1 taken": at(h1),
  "client h1 reset": at(() => viaProxy("/reset")),
  "client h1 closed": at(h1),
  "client h1 destroyed": at(h1),
  "client h1 start": at(h1),
  "client h1 sent": at(h1),
  "client h1 head": at(h1),
  "client h1 data": at(h1),
  "client h1 end": at(h1),
  "client h1 upgrade": at(() => tunnelled("ended")),
  "client h1 tunnel data": at(() => tunnelled("ended")),
  "client h1 tunnel end": at(() => tunnelled("ended")),
  "client h1 tunnel error": at(() => tunnelled("broken")),
  "client h1 tunnel close": at(() => tunnelled("ended")),
  "client h1 tunnel content": at(() => tunnelled("ended")),
  "client h1 tunnel room": at(() => tunnelled("ended")),
  "client h1 error": at(h1),
  "client h2 connect": at(h2),
  "client h2 settings": at(h2),
  "client h2 timeout": at(async () => {
    const server = await openServer();
    const { client, get } = openClient(server, "h2", { idleTimeout: 1 });
    await all(get("/"));
    while (client.connections().length > 0) await new Promise((resolve) => setImmediate(resolve));
  }),
  "client h2 goaway": at(() => closing("h2", 5000)),
  "client h2 error": at(h2),
  "client h2 session closed": at(h2),
  "client h2 invalid": at(async () => {
    const server = await openServer();
    await all(openClient(server, "h2").get("/", { headers: { "http2-settings": "AAAA" } }));
  }),
  "client h2 close": at(h2),
  "client h2 body": at(h2),
  "client h2 room": at(h2),
  "client h2 continue": at(async () => {
    const server = await openServer();
    await all(
      openClient(server, "h2").get("/echo", { method: "POST", body: "x", headers: { expect: "100-continue" } }),
    );
  }),
  "client h2 headers": at(h2),
  "client h2 response": at(h2),
  "client h2 data": at(h2),
  "client h2 trailers": at(h2),
  "client h2 end": at(h2),
  "client h2 stream error": at(h2),
  "client h2 stream close": at(h2),
  "client reload answer": at(reloadRequested),
  "client reload end": at(reloadRequested),
  "client h3 abort": at(async () => {
    const controller = new AbortController();
    const silent = createSocket("udp4");
    silent.bind(0, "127.0.0.1");
    await once(silent, "listening");
    closers.push(() => silent.close());
    silent.on("message", () => controller.abort());
    await all(lost(silent.address().port, { protocols: ["h3"] }, controller.signal));
  }),
  "client h3 certificate": at(h3),
  "client h3 lost": at(() =>
    raw3(async (client, server) => {
      client.request({ path: "/never" });
      retire();
      await all(server.close({ timeout: 0 }), client.goneAway);
      await all(client.request({}).response);
    }),
  ),
  "client h3 invalid": at(() => raw3((client) => client.request({ headers: { "Not A Name": "x" } }).response)),
  "client h3 body": at(h3),
  "client h3 resume": at(() =>
    raw3(async (client) => {
      const response = await client.request({ path: "/big.bin" }).response;
      while (response.content.readableLength < 64 * 1024) await new Promise((resolve) => setImmediate(resolve));
      return response.bytes();
    }),
  ),
  "client h3 closed": at(h3),
  "client h3 move": at(withEngine("portable", moveAway)),
  "client h3 socket": at(withEngine("portable", moveAway)),
  "client load room": at(generated),
  "client load retry": at(() => generated({ dies: true })),
  "client load dialled": at(() => generated({ dies: true })),
  "client load closed": at(generated),
  "client load turn": at(generated),
  "client load sweep": at(generated),
  "client dispatch body": at(() => dispatched(Readable.from(failing()))),
  "client dispatch disconnect": at(() => dispatched("x")),
};

/**
 * Faults that end a client's request or connection are reported by a rejected promise, not by a log. In code that client
 * and server share (sockets, drivers), the fault may hit the client; other tests check what the server logs.
 */
const isQuiet = (entry: Entry): boolean =>
  /^(?:client |web(?:transport|socket) |udp (?:message|sent|connected sent|turn|ready|read)$|quic |response (?:look-ahead|turn))/.test(
    entry,
  );

const isFastAvailable = "udp" in (await fastEngine());
const isReachable = (entry: Entry): boolean =>
  isFastAvailable || !/^(?:udp (?:ready|read)|file turn|service manager watchdog)$/.test(entry);

test.each(ENTRIES.filter(isReachable))(
  "an exception in %s does not affect the process or the next client",
  async (entry) => {
    const { run, passing = 0 } = SCENARIOS[entry];
    armed.entry = entry;
    armed.passing = passing;
    await run();
    // Some entries are reached a few turns later.
    const wait = { timeout: 20_000 };
    await vi.waitFor(() => expect(armed.entry, "the traffic never reached this entry").toBeUndefined(), wait);
    const server = await nextServer();
    for (const protocol of server.protocols) {
      expect(await openClient(server, protocol).get("/")).toBe("hello");
    }
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught).toEqual([]);
    if (!isQuiet(entry)) expect(logged.join("\n")).toContain(`(${entry})`);
  },
);
