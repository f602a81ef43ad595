/** Tunnels through a NAT that changes its port, and its address: the outer connection migrates, and what it carries goes on. */

import { expect, test } from "vitest";
import { SeededRng } from "../../src/base/rng.ts";
import { after, type Instant, type Micros, millis, seconds } from "../../src/base/time.ts";
import { portableEngine as engine } from "../../src/crypto/portable/index.ts";
import { H3Connection, type H3Event, StreamClaims } from "../../src/h3/index.ts";
import { DEFAULT_DATAGRAM_LIMITS } from "../../src/quic/datagram/index.ts";
import {
  type Connection,
  connectionConfig,
  Endpoint,
  type EndpointEvent,
  isTransportEvent,
} from "../../src/quic/index.ts";
import type { StreamId } from "../../src/quic/transport.ts";
import { host, link, nat, SimulatedNetwork } from "../../src/sim/index.ts";
import { createTlsClient, createTlsServer } from "../../src/tls/index.ts";
import { ed25519Identity } from "../../src/tls/testing/identity.ts";
import { WebTransportStreams } from "../../src/webtransport/h3/index.ts";

const SERVER = { family: 4, host: "198.51.100.1", port: 443 } as const;
const CLIENT = { family: 4, host: "192.168.0.2", port: 50_000 } as const;
/** Virtual time between two messages, and their number: 2.6 seconds in all. */
const INTERVAL = millis(20);
const MESSAGES = 130;

/** HTTP/3 with WebTransport on one side of the connection. */
class Side {
  readonly h3: H3Connection;
  readonly streams: WebTransportStreams;
  readonly datagrams: number[] = [];
  readonly echoed: number[] = [];
  id: StreamId | undefined;
  stream: StreamId | undefined;
  session: ReturnType<WebTransportStreams["add"]> | undefined;

  constructor(connection: Connection, rng: SeededRng, isServer: boolean) {
    const claims = new StreamClaims();
    this.h3 = new H3Connection(connection, { rng, claims, datagrams: connection, enableConnectProtocol: isServer });
    this.streams = new WebTransportStreams(connection, claims, () => this.h3.nextRequestId);
  }

  /** Sends back what the peer sends, if this is the server. */
  begin(id: StreamId, echoes: boolean): void {
    this.id = id;
    const session = this.streams.add(id);
    this.session = session;
    const read = (from: StreamId): void => {
      for (let chunk = session.read(from); chunk !== undefined; chunk = session.read(from)) {
        this.echoed.push(...chunk.bytes);
        if (echoes && chunk.bytes.length > 0) session.write(from, chunk.bytes.slice(), false);
      }
    };
    session.handler = {
      handleStream: () => undefined,
      handleReadable: read,
      handleWritable: () => undefined,
      handleReset: () => undefined,
      handleStopped: () => undefined,
      handleFinished: () => undefined,
      handleStreamsAvailable: () => undefined,
    };
  }

  handle(event: EndpointEvent["event"], onH3: (event: H3Event) => void): void {
    if (event.type === "accepted" || !isTransportEvent(event)) return;
    this.h3.handleTransportEvent(event);
    for (let next = this.h3.pollEvent(); next !== undefined; next = this.h3.pollEvent()) onH3(next);
  }
}

function run(seed: number, movesAddress: boolean) {
  const rng = new SeededRng(seed);
  const config = connectionConfig({ engine, rng, datagrams: DEFAULT_DATAGRAM_LIMITS });
  const identity = ed25519Identity();
  const server = new Endpoint({
    config,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["h3"], transportParameters, selectIdentity: () => identity }),
    },
  });
  const client = new Endpoint({ config });
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["h3"], transportParameters, serverName: "server.test" });
  const connection = client.connect({ local: CLIENT, remote: SERVER, createTls }, 0 as Instant);
  const near = new Side(connection, rng, false);
  let far: Side | undefined;
  let accepted: Connection | undefined;
  const ports = new Set<string>();
  const network = new SimulatedNetwork({
    seed,
    network: [
      host<EndpointEvent>({
        name: "client",
        address: CLIENT,
        machine: client,
        onEvent: ({ event }, now) => {
          if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
          else near.handle(event, handleNear);
        },
      }),
      nat({
        addresses: ["203.0.113.1", "203.0.113.2"],
        rebinding: { first: millis(500), every: millis(500), address: movesAddress },
      }),
      link({ delay: millis(15), rate: 10e6 }),
      host<EndpointEvent>({
        name: "server",
        address: SERVER,
        machine: server,
        onEvent: ({ connection: peer, event }) => {
          if (event.type === "accepted") {
            accepted = peer;
            far = new Side(peer, rng, true);
          } else far?.handle(event, handleFar);
        },
      }),
    ],
  });
  function handleFar(event: H3Event): void {
    if (event.type === "request") {
      far!.h3.respond(event.id, 200, [], false);
      far!.begin(event.id, true);
    } else if (event.type === "datagram") {
      const { host: address, port } = accepted!.remoteAddress;
      ports.add(`${address} ${port}`);
      far!.h3.datagrams!.send(event.id, event.payload);
    }
  }
  function handleNear(event: H3Event): void {
    if (event.type === "settings") {
      const fields = [["sec-webtransport-http3-draft02", "1"]] as const;
      const head = {
        method: "CONNECT",
        protocol: "webtransport",
        scheme: "https",
        authority: "server.test",
        path: "/",
      };
      near.id = near.h3.request({ ...head, fields }, false);
    } else if (event.type === "response") {
      near.begin(event.id, false);
      near.stream = near.session!.open("bidi");
      for (let n = 0; n < MESSAGES; n += 1)
        network.at(after(network.now, (INTERVAL * (n + 1)) as Micros), () => send(n));
    } else if (event.type === "datagram") near.datagrams.push(event.payload[0]!);
  }
  function send(n: number): void {
    near.h3.datagrams!.send(near.id!, new Uint8Array([n]));
    near.session!.write(near.stream!, new Uint8Array([n]), false);
  }
  network.run({ until: () => near.echoed.length === MESSAGES, maxVirtualTime: seconds(20), maxEvents: 200_000 });
  return { near, accepted: accepted!, connection, ports };
}

const ALL = Array.from({ length: MESSAGES }, (_, n) => n);

test.each([
  ["port", false],
  ["address", true],
] as const)(
  "a session's stream and datagrams survive a NAT that changes its %s twice a second",
  (_what, movesAddress) => {
    const { near, accepted, connection, ports } = run(1, movesAddress);
    expect(near.echoed).toEqual(ALL);
    // What is under way towards the old mapping is lost, as datagrams may be: less than a round trip of them each time.
    expect(near.datagrams).toEqual([...near.datagrams].sort((a, b) => a - b));
    expect(near.datagrams.length).toBeGreaterThan(MESSAGES - 5 * 4);
    expect(near.datagrams.at(-1)).toBeGreaterThan(MESSAGES - 4);
    expect(ports.size).toBeGreaterThanOrEqual(5);
    expect(new Set([...ports].map((port) => port.split(" ")[0])).size).toBe(movesAddress ? 2 : 1);
    expect([accepted.stats.migrations >= 4, connection.stats.migrations]).toEqual([true, 0]);
  },
);
