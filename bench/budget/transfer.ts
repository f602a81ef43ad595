/** Fixed transfers between two endpoints in virtual time. The same seed sends the same packets, on every machine. */

import { type Instant, millis, seconds } from "../../src/base/time.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { QuicMetrics } from "../../src/host/metrics/quic-metrics.ts";
import { endpointTrace } from "../../src/host/quic/tracing.ts";
import { type Connection, connectionConfig, Endpoint, type EndpointEvent } from "../../src/quic/index.ts";
import { host, link, SeededRng, SimulatedNetwork, simulatedIdentity } from "../../src/sim/index.ts";
import { createTlsClient, createTlsServer } from "../../src/tls/index.ts";

export interface Workload {
  readonly name: string;
  /** Bytes of each request and of each response. */
  readonly request: number;
  readonly response: number;
  readonly requests: number;
  readonly loss?: number;
  /** True to count metrics of both sides. The other workloads have no listener for events. */
  readonly metrics?: boolean;
}

export const WORKLOADS: readonly Workload[] = [
  { name: "download", request: 1, response: 2_000_000, requests: 1 },
  { name: "upload", request: 2_000_000, response: 1, requests: 1 },
  { name: "download with 1 % loss", request: 1, response: 1_000_000, requests: 1, loss: 0.01 },
  { name: "download with metrics", request: 1, response: 2_000_000, requests: 1, metrics: true },
  { name: "small requests", request: 50, response: 500, requests: 1_000 },
];

const CLIENT = { family: 4, host: "10.0.0.1", port: 50_000 } as const;
const SERVER = { family: 4, host: "10.0.0.2", port: 443 } as const;
/** Requests in progress at a time. */
const CONCURRENCY = 20;
const CHUNK = new Uint8Array(16 * 1024);

/** A connection that has completed its handshake, so that only the transfer is counted. */
export interface Transfer {
  /** Runs the workload. Returns the number of packets that both sides sent. */
  run(): number;
}

export function prepare({ request, response, requests, loss, metrics = false }: Workload): Transfer {
  const rng = new SeededRng(1);
  const engine = portableEngine;
  const config = connectionConfig({ engine, rng });
  const trace = metrics ? endpointTrace(new QuicMetrics().trace) : {};
  const identity = simulatedIdentity();
  const server = new Endpoint({
    config,
    ...trace,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["budget"], transportParameters, selectIdentity: () => identity }),
    },
  });
  const client = new Endpoint({ config, ...trace });
  const connection = client.connect(
    {
      local: CLIENT,
      remote: SERVER,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["budget"], transportParameters, serverName: "server.test" }),
    },
    0 as Instant,
  );
  let accepted: Connection | undefined;
  let started = 0;
  let finished = 0;
  const unsent = new Map<bigint | number, number>();
  const send = (peer: Connection, id: Parameters<Connection["write"]>[0]): void => {
    let left = unsent.get(id);
    if (left === undefined) return;
    while (left > 0) {
      const room = Math.min(peer.writableBytes(id), left, CHUNK.length);
      if (room === 0) break;
      left -= room;
      peer.write(id, CHUNK.subarray(0, room), left === 0);
    }
    if (left === 0) unsent.delete(id);
    else unsent.set(id, left);
  };
  const open = (): void => {
    while (started < requests && started - finished < CONCURRENCY) {
      const id = connection.openStream("bidi");
      if (id === undefined) return;
      started += 1;
      unsent.set(id, request);
      send(connection, id);
    }
  };
  const network = new SimulatedNetwork({
    seed: 1,
    network: [
      host({
        name: "client",
        address: CLIENT,
        machine: client,
        onEvent: ({ event }: EndpointEvent, now) => {
          if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
          if (event.type === "stream-writable") send(connection, event.id);
          if (event.type !== "stream-readable") return;
          for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
            if (piece.fin) finished += 1;
          }
          open();
        },
      }),
      link({ delay: millis(10), rate: 50e6, queue: 100, ...(loss === undefined ? {} : { loss }) }),
      host({
        name: "server",
        address: SERVER,
        machine: server,
        onEvent: ({ connection: peer, event }: EndpointEvent) => {
          accepted ??= peer;
          if (event.type === "stream-writable") send(peer, event.id);
          if (event.type !== "stream-readable") return;
          for (let piece = peer.read(event.id); piece !== undefined; piece = peer.read(event.id)) {
            if (!piece.fin) continue;
            unsent.set(event.id, response);
            send(peer, event.id);
          }
        },
      }),
    ],
  });
  network.run({ until: () => connection.isHandshakeConfirmed, maxVirtualTime: seconds(5) });
  const sent = (): number => connection.stats.packetsSent + accepted!.stats.packetsSent;
  return {
    run: () => {
      const before = sent();
      network.at(network.now, open);
      network.run({ until: () => finished === requests, maxVirtualTime: seconds(60) });
      if (finished !== requests) throw new Error(`only ${finished} of ${requests} requests are complete`);
      return sent() - before;
    },
  };
}
