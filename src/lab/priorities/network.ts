/** The link of the page loads, and both ends of QUIC on it. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { type Instant, millis, seconds, since, toMillis } from "../../base/time.ts";
import { connectionConfig, Endpoint, type EndpointEvent, type QuicTrace } from "../../quic/index.ts";
import { host, link, SeededRng, SimulatedNetwork } from "../../sim/index.ts";
import type { Run, Values } from "../experiment.ts";
import { round } from "../figures.ts";
import { connectQuic, quicServer } from "../quic-ends.ts";
import type { LoadTimes } from "./page.ts";

const CLIENT: SocketAddress = { family: 4, host: "10.0.0.1", port: 50_000 };
const SERVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };
/** Flow control must never be the limit. */
const WINDOW = 8 * 1024 * 1024;
const MAX_TIME = seconds(60);

export const RATE = 5e6;
export const RTT = 50;
/** Packets: about the product of rate and round trip, twice. */
const QUEUE = 50;

export interface PageNetwork extends Run {
  /** The share of the server's datagrams that is lost. */
  readonly loss: number;
  readonly onClientEvent: (event: EndpointEvent, now: Instant) => void;
  readonly onServerEvent: (event: EndpointEvent, now: Instant) => void;
  /** Called at every wake-up of the server. */
  readonly onServerTurn: (now: Instant) => void;
  readonly serverTrace: QuicTrace;
  /** The times of the load, once it has begun. */
  readonly times: () => LoadTimes | undefined;
}

/** Runs until the page is complete. */
export function loadPage(options: PageNetwork): Values {
  const { seed, engine, loss, times } = options;
  const rng = new SeededRng(seed);
  const limits = { initialMaxData: WINDOW, initialMaxStreamData: WINDOW };
  const config = connectionConfig({ engine, rng, limits });
  const server = quicServer(config, { engine, rng }, options.serverTrace);
  const client = new Endpoint({ config });
  const connection = connectQuic(client, { engine, rng }, CLIENT, SERVER);
  const onEvent = (event: EndpointEvent, now: Instant): void => {
    if (event.event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    options.onClientEvent(event, now);
  };
  const shared = { delay: millis(RTT / 2), rate: RATE, queue: QUEUE };
  const network = new SimulatedNetwork({
    seed,
    network: [
      host({ name: "client", address: CLIENT, machine: client, onEvent }),
      link(shared, { ...shared, loss }),
      host({
        name: "server",
        address: SERVER,
        machine: server,
        onEvent: options.onServerEvent,
        application: options.onServerTurn,
      }),
    ],
  });
  network.run({ until: () => times()?.page !== undefined, maxVirtualTime: MAX_TIME });
  const { started, blocking, pictures, page } = times()!;
  const after = (at: Instant | undefined): number | null =>
    at === undefined ? null : round(toMillis(since(started, at)));
  return { blocking: after(blocking), pictures: after(pictures), page: after(page) };
}
