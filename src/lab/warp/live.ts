/** A live broadcast to one viewer over a link that loses half of its rate for some seconds. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { after, type Instant, type Micros, millis, seconds, since, toMillis } from "../../base/time.ts";
import { connectionConfig, Endpoint, type EndpointEvent, isTransportEvent } from "../../quic/index.ts";
import { host, link, SeededRng, SimulatedNetwork } from "../../sim/index.ts";
import type { Run } from "../experiment.ts";
import { connectQuic, quicServer } from "../quic-ends.ts";
import { QuicCarrier } from "./carrier.ts";
import { PacketOrder } from "./packet-order.ts";
import type { Arrival } from "./player.ts";
import { encode } from "./source.ts";
import { receivers, type Sender, senders, type TransportName } from "./transports.ts";

const CLIENT: SocketAddress = { family: 4, host: "10.0.0.1", port: 50_000 };
const SERVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };
/** Flow control must never be the limit. */
const WINDOW = 16 * 1024 * 1024;

/** Bits per second: before and after, and in between. */
export const RATE = 2e6;
export const HALF = RATE / 2;
/** Milliseconds. */
export const RTT = 40;
/** Packets in front of the link: 95 ms at the lower rate, if they are as large as 1,480 bytes. */
export const QUEUE = 8;
/** Seconds of the broadcast. */
export const SLOW_FROM = 1;
export const SLOW_UNTIL = 6;
const DURATION = 9.5;
/** When the broadcast begins: both ends are ready. */
const START = 1;
/** Milliseconds between turns of the applications. */
const TURN = millis(5);

export interface Broadcast extends Run {
  readonly transport: TransportName;
  /** Seconds between keyframes. */
  readonly group: number;
  /** The share of the server's datagrams that is lost. */
  readonly loss: number;
}

export interface Received {
  readonly arrivals: readonly Arrival[];
  readonly start: Instant;
  readonly end: Instant;
  /** Of the server's packets. */
  readonly order: PacketOrder;
  readonly resets: number;
  /** The longest time that a datagram took from the server to the client, in milliseconds. */
  readonly maxTransit: number;
}

export function broadcast({ seed, engine, transport, group, loss }: Broadcast): Received {
  const rng = new SeededRng(seed);
  const limits = { initialMaxData: WINDOW, initialMaxStreamData: WINDOW, initialMaxStreamsUni: 100 };
  const config = connectionConfig({ engine, rng, limits });
  const start = after(0 as Instant, seconds(START));
  const end = after(start, seconds(DURATION));
  const { init, frames } = encode(DURATION, group);
  const arrivals: Arrival[] = [];
  const sides: {
    server?: { carrier: QuicCarrier; end: Sender };
    client?: { carrier: QuicCarrier; end: Omit<Sender, "publish"> };
  } = {};
  const order = new PacketOrder(() => sides.server?.carrier.written ?? new Map());
  const server = quicServer(config, { engine, rng }, (event) => order.handle(event));
  const client = new Endpoint({ config });
  const connection = connectQuic(client, { engine, rng }, CLIENT, SERVER);
  const onClientEvent = ({ event }: EndpointEvent, now: Instant): void => {
    if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    if (event.type === "connected") {
      const carrier = new QuicCarrier(connection);
      sides.client = { carrier, end: receivers[transport](carrier, init, (arrival) => arrivals.push(arrival)) };
      carrier.session = sides.client.end.session;
    }
    if (event.type !== "accepted" && isTransportEvent(event)) sides.client?.carrier.handle(event, now);
    sides.client?.end.handleTurn(now);
  };
  const onServerEvent = ({ connection: accepted, event }: EndpointEvent, now: Instant): void => {
    if (event.type === "connected") {
      const carrier = new QuicCarrier(accepted);
      sides.server = { carrier, end: senders[transport](carrier) };
      carrier.session = sides.server.end.session;
    }
    if (event.type !== "accepted" && isTransportEvent(event)) sides.server?.carrier.handle(event, now);
    sides.server?.end.handleTurn(now);
  };
  const down = {
    delay: millis(RTT / 2),
    rate: RATE,
    queue: QUEUE,
    loss,
    changes: [
      { at: after(start, seconds(SLOW_FROM)), rate: HALF },
      { at: after(start, seconds(SLOW_UNTIL)), rate: RATE },
    ],
  };
  let maxTransit = 0;
  const sentAt = new Map<unknown, Instant>();
  const network = new SimulatedNetwork({
    seed,
    network: [
      host({ name: "client", address: CLIENT, machine: client, onEvent: onClientEvent }),
      link({ delay: millis(RTT / 2), rate: RATE }, down),
      host({ name: "server", address: SERVER, machine: server, onEvent: onServerEvent }),
    ],
    capture({ what, place, datagram, time }) {
      if (what === "sent" && place === "server") sentAt.set(datagram, time);
      const sent = sentAt.get(datagram);
      if (what === "sent" || sent === undefined) return;
      sentAt.delete(datagram);
      if (what === "carried") maxTransit = Math.max(maxTransit, toMillis(since(sent, time)));
    },
  });
  let next = 0;
  const turn = (): void => {
    const { now } = network;
    for (let frame = frames[next]; frame !== undefined && start + frame.due <= now; frame = frames[next]) {
      next += 1;
      sides.server?.end.publish(frame.object, now);
    }
    sides.server?.end.handleTurn(now);
    sides.client?.end.handleTurn(now);
    for (const name of ["server", "client"]) network.host(name).onReady?.();
    if (now < end) network.at(after(now, TURN), turn);
  };
  network.at(start, turn);
  network.run({ until: () => network.now >= end, maxVirtualTime: (end + 1e6) as Micros, maxEvents: 5_000_000 });
  return { arrivals, start, end, order, resets: sides.server?.carrier.resets ?? 0, maxTransit };
}
