/** A process that downloads over a simulated link for a given virtual time, once per message, and reports the real time. */

import { type Instant, millis, seconds } from "../../src/base/time.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { connectionConfig, Endpoint, type EndpointEvent } from "../../src/quic/index.ts";
import { host, link, SeededRng, simulate, simulatedIdentity } from "../../src/sim/index.ts";
import { createTlsClient, createTlsServer } from "../../src/tls/index.ts";
import type { SimulatedTransferDone, SimulatedTransferOrder } from "../messages.ts";

const RATE = 10e6;
const CHUNK = new Uint8Array(64 * 1024);
const CLIENT = { family: 4, host: "10.0.0.1", port: 50_000 } as const;
const SERVER = { family: 4, host: "10.0.0.2", port: 443 } as const;

/** The cost of a download of `duration` virtual seconds at 10 Mbit/s, with a round trip of 30 ms. */
function download(duration: number): SimulatedTransferDone {
  const rng = new SeededRng(1);
  const engine = portableEngine;
  const config = connectionConfig({ engine, rng });
  const identity = simulatedIdentity();
  const server = new Endpoint({
    config,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["bench"], transportParameters, selectIdentity: () => identity }),
    },
  });
  const client = new Endpoint({ config });
  const connection = client.connect(
    {
      local: CLIENT,
      remote: SERVER,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["bench"], transportParameters, serverName: "server.test" }),
    },
    0 as Instant,
  );
  let received = 0;
  const fetch = ({ event }: EndpointEvent, now: Instant): void => {
    if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    if (event.type === "connected") connection.write(connection.openStream("bidi")!, new Uint8Array(1), true);
    if (event.type !== "stream-readable") return;
    for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
      received += piece.bytes.length;
    }
  };
  const serve = ({ connection: peer, event }: EndpointEvent): void => {
    if (event.type === "stream-readable") while (peer.read(event.id) !== undefined);
    if (event.type !== "stream-readable" && event.type !== "stream-writable") return;
    while (peer.writableBytes(event.id) > 0) peer.write(event.id, CHUNK, false);
  };
  const started = performance.now();
  const before = process.cpuUsage();
  simulate({
    seed: 1,
    network: [
      host({ name: "client", address: CLIENT, machine: client, onEvent: fetch }),
      link({ delay: millis(15), rate: RATE, queue: 25 }),
      host({ name: "server", address: SERVER, machine: server, onEvent: serve }),
    ],
    maxVirtualTime: seconds(duration),
  });
  const took = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  // The link carries headers too.
  if (received * 8 < 0.9 * RATE * duration) throw new Error(`only ${received} bytes arrived`);
  return { took, cpu: (user + system) / 1_000 };
}

process.on("message", ({ duration }: SimulatedTransferOrder) => {
  process.send!(download(duration));
});
process.send!({});
