/** The same vehicles behind a relay at the edge of the network: both share its session with the server. It may fail, or join packets. */

import { after, type Instant, instant, micros, millis, seconds } from "../../base/time.ts";
import {
  ChainDestination,
  type ChainDestinationEvent,
  ChainOrigin,
  type ChooseProcessor,
  FlowRelay,
  PlainFlowNode,
} from "../../flows/index.ts";
import { host, type NodeElement, SimulatedNetwork } from "../../sim/index.ts";
import { concat } from "../../wire/text.ts";
import { part, type Run, type Values } from "../experiment.ts";
import { megabits, product, round } from "../figures.ts";
import { edgeAddress, MAX_EVENTS, road, serverAddress, VEHICLES, vehicleAddress, vehicleName } from "./road.ts";
import { DEADLINE, TELEMETRY, Telemetry, telemetryFigures } from "./telemetry.ts";
import { Ticking } from "./ticking.ts";

const SESSION = { initialRtt: millis(50) };
const CHUNK = new Uint8Array(65_536);
const RATE = 200;
const DURATION = 10;
/** Packets of telemetry that the relay puts into one. */
const JOINED = 4;
/** When the relay fails. */
const FAILS_AT = seconds(5);

type Way = "direct" | "relay" | "joins" | "fails";

const originOf = (vehicle: number): string => `${vehicle}`.padStart(16, "0");

/** Puts several packets into one, which is due when the first of them is. */
const join: ChooseProcessor = () => {
  const kept: Uint8Array[] = [];
  return {
    process({ bytes }) {
      kept.push(bytes);
      return kept.length < JOINED ? "keep" : concat(...kept.splice(0));
    },
  };
};

function vehicleElement(telemetry: Telemetry, index: number, isDirect: boolean): NodeElement {
  const hops = isDirect ? [serverAddress()] : [edgeAddress(), serverAddress()];
  let made: ChainOrigin | undefined;
  const node = new PlainFlowNode((connect) => {
    made = new ChainOrigin({
      origin: originOf(index),
      hops: hops.length,
      connect: (hop, path) => connect(hops[hop]!, path),
    });
    return made;
  }, SESSION);
  const origin = made!;
  const zero = 0 as Instant;
  const period = micros(1_000_000 / telemetry.rate);
  const urgent = origin.open({ kind: "stateful-datagram", priority: 0, period, maxUnit: TELEMETRY }, zero);
  const upload = origin.open({ kind: "stateful-stream", priority: 200 }, zero);
  let clock = zero;
  return host<never>({
    name: vehicleName(index),
    address: vehicleAddress(index),
    machine: new Ticking(node, () => telemetry.next(clock)),
    application(now) {
      clock = now;
      for (let due = telemetry.next(now); due !== undefined && due <= now; due = telemetry.next(now)) {
        origin.send(urgent, telemetry.take(now), { deadline: after(now, DEADLINE) }, now);
      }
      while (origin.write(upload, CHUNK, now) === CHUNK.length);
    },
  });
}

function edgeElement(process: ChooseProcessor | undefined): NodeElement {
  const node = new PlainFlowNode(
    (connect) => new FlowRelay({ id: 1, hops: 1, process, connect: (_, path) => connect(serverAddress(), path) }),
    SESSION,
  );
  return host<never>({ name: "edge", address: edgeAddress(), machine: node });
}

export function measureEdge(way: Way, { seed }: Pick<Run, "seed">): Values {
  const telemetry = Array.from({ length: VEHICLES }, () => new Telemetry({ rate: RATE, packets: RATE * DURATION }));
  const destination = new ChainDestination();
  const relay = way === "direct" ? undefined : edgeElement(way === "joins" ? join : undefined);
  let uploaded = 0;
  const onEvent = (event: ChainDestinationEvent, now: Instant): void => {
    if (event.type === "message") {
      const { bytes, key } = event;
      for (let at = 0; at < bytes.length; at += TELEMETRY) {
        telemetry[Number(key.slice(0, 16))]!.arrived(bytes.subarray(at, at + TELEMETRY), now);
      }
    }
    if (event.type !== "readable") return;
    for (let piece = destination.read(event.key, now); piece; piece = destination.read(event.key, now)) {
      if (!telemetry.every((each) => each.isDone)) uploaded += piece.length;
    }
  };
  const server = host<never>({
    name: "server",
    address: serverAddress(),
    machine: new PlainFlowNode(() => destination, SESSION),
    application(now) {
      for (let event = destination.pollEvent(); event !== undefined; event = destination.pollEvent()) {
        onEvent(event, now);
      }
    },
  });
  const vehicles = telemetry.map((each, index) => vehicleElement(each, index, way === "direct"));
  let packets = 0;
  const network = new SimulatedNetwork({
    seed,
    network: road(vehicles, server, relay),
    capture({ what, datagram }) {
      if (what === "delivered" && datagram.destination.host === serverAddress().host) packets += 1;
    },
  });
  if (way === "fails") network.at(instant(FAILS_AT), () => network.changeLink("router", "edge", { loss: 1 }));
  network.run({ maxVirtualTime: seconds(DURATION + 2), maxEvents: MAX_EVENTS });
  const { packets: sent, lost, missed, median, p99, longest } = telemetryFigures(telemetry);
  return {
    packets: sent!,
    lost: lost!,
    missed: missed!,
    median: median!,
    p99: p99!,
    longest: longest!,
    upload: megabits(uploaded, DURATION),
    datagrams: round(packets / (DURATION + 2)),
  };
}

export const edge = part({
  name: "edge",
  title: "A relay at the edge",
  setup:
    `The same network, and a relay half a millisecond from the router. Each vehicle sends ${RATE} packets of telemetry in a second for ${DURATION} s, and uploads as fast as it may; ` +
    "both share the relay's session with the server, and senders keep what the server has not confirmed. " +
    `The plug-in joins ${JOINED} packets to one. When the relay fails, in the fifth second, the vehicles go to the server themselves.`,
  parameters: {
    way: {
      title: "by way of",
      labels: {
        direct: "no relay",
        relay: "the relay",
        joins: "the relay, which joins packets",
        fails: "the relay, which fails",
      },
    },
  },
  figures: {
    packets: { title: "packets of telemetry" },
    lost: { title: "lost" },
    missed: { title: "lost or late" },
    median: { title: "median delay", unit: "ms", digits: 1 },
    p99: { title: "99 % delay", unit: "ms", digits: 1 },
    longest: { title: "longest delay", unit: "ms", digits: 1 },
    upload: { title: "uploads", unit: "Mbit/s", digits: 2 },
    datagrams: { title: "datagrams to the server", unit: "per s" },
  },
  cells: product({ way: ["direct", "relay", "joins", "fails"] as const }),
  isQuick: ({ way }) => way === "fails",
  repetitions: 1,
  measure: ({ way }, run) => measureEdge(way, run),
  plots: [],
});
