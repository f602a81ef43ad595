/** An honest client that causes a lot of work: many or large requests over a simulated link. */

import { openEngine, openIdentity } from "../../fuzz/open-engine.ts";
import { SeededRng } from "../../src/base/rng.ts";
import { type Instant, millis, seconds } from "../../src/base/time.ts";
import {
  type Connection,
  connectionConfig,
  Endpoint,
  type EndpointEvent,
  type StreamId,
} from "../../src/quic/index.ts";
import { host, type LinkOptions, link, SimulatedNetwork } from "../../src/sim/index.ts";
import { createTlsClient, createTlsServer } from "../../src/tls/index.ts";

export interface BusyOptions {
  readonly seed: number;
  readonly link: Partial<LinkOptions>;
  readonly requests: number;
  readonly concurrency: number;
  /** Bytes per request and per response. */
  readonly up: number;
  readonly down: number;
}

const SERVER = { family: 4, host: "10.0.0.2", port: 443 } as const;
const CLIENT = { family: 4, host: "10.0.0.1", port: 50_000 } as const;

/** Runs until all requests are answered. Throws if the connection closes earlier. */
export function busy({ seed, link: impaired, requests, concurrency, up, down }: BusyOptions): { server: Connection } {
  const rng = new SeededRng(seed);
  const engine = openEngine;
  const config = connectionConfig({ engine, rng, maxIdleTimeout: seconds(60), handshakeTimeout: seconds(60) });
  const server = new Endpoint({
    config,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["test"], transportParameters, selectIdentity: () => openIdentity }),
    },
  });
  const client = new Endpoint({ config });
  const connection = client.connect(
    {
      local: CLIENT,
      remote: SERVER,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" }),
    },
    0 as Instant,
  );
  let accepted: Connection | undefined;
  let begun = 0;
  let done = 0;
  /** The bytes that remain to be written, by stream. */
  const writing = { client: new Map<StreamId, number>(), server: new Map<StreamId, number>() };

  const write = (side: Connection, id: StreamId): void => {
    const rest = writing[side.role];
    let left = rest.get(id);
    while (left !== undefined && side.writableBytes(id) > 0) {
      const piece = Math.min(left, 64 * 1024);
      left -= piece;
      side.write(id, new Uint8Array(piece), left === 0);
      if (left > 0) rest.set(id, left);
      else rest.delete(id);
      if (left === 0) return;
    }
  };
  /** Returns true at the end of the stream. */
  const read = (side: Connection, id: StreamId): boolean => {
    let fin = false;
    for (let chunk = side.read(id); chunk !== undefined; chunk = side.read(id)) fin = chunk.fin;
    return fin;
  };
  const ask = (): void => {
    while (begun < requests && begun - done < concurrency) {
      const id = connection.openStream("bidi");
      if (id === undefined) return;
      begun += 1;
      writing.client.set(id, up);
      write(connection, id);
    }
  };

  const serve = ({ connection: side, event }: EndpointEvent): void => {
    if (event.type === "accepted") accepted = side;
    if (event.type === "closed") throw new Error(`the server ended it: ${JSON.stringify(event.reason)}`);
    if (event.type === "stream-readable" && read(side, event.id)) {
      writing.server.set(event.id, down);
      write(side, event.id);
    }
    if (event.type === "stream-writable") write(side, event.id);
  };
  const fetch = ({ event }: EndpointEvent, now: Instant): void => {
    if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    if (event.type === "closed") throw new Error(`the connection ended: ${JSON.stringify(event.reason)}`);
    if (event.type === "stream-writable") write(connection, event.id);
    if (event.type === "stream-readable" && read(connection, event.id)) done += 1;
    if (event.type === "connected" || event.type === "stream-readable" || event.type === "streams-available") ask();
  };
  const network = new SimulatedNetwork({
    seed,
    network: [
      host<EndpointEvent>({ name: "client", address: CLIENT, machine: client, onEvent: fetch }),
      link({ rate: 100e6, delay: millis(10), queue: 200, reorderDelay: millis(5), ...impaired }),
      host<EndpointEvent>({ name: "server", address: SERVER, machine: server, onEvent: serve }),
    ],
  });
  network.run({ until: () => done === requests, maxVirtualTime: seconds(600), maxEvents: 5_000_000 });
  return { server: accepted! };
}
