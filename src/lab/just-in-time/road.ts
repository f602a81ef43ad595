/** The network: two vehicles, a router, a server. Both vehicles share the link from the router to the server. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { micros, millis, seconds } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type Graph, type NodeElement, router, SimulatedNetwork, wire } from "../../sim/index.ts";
import type { Run, Values } from "../experiment.ts";
import { megabits } from "../figures.ts";
import { Telemetry, type TelemetryOptions, telemetryFigures } from "./telemetry.ts";

export const VEHICLES = 2;
/** Bits per second. */
export const UPLINK = 20e6;
export const BOTTLENECK = 10e6;
/** Packets. */
export const QUEUE = 40;
const UPLINK_DELAY = millis(2);
const BOTTLENECK_DELAY = millis(10);
/** From the router to a node at the edge of the network. */
const EDGE = 100e6;
const EDGE_DELAY = micros(500);
/** Seconds for what is on its way when the last packet is sent. */
const REST = 2;
export const MAX_EVENTS = 50_000_000;

const address = (place: number, port: number): SocketAddress => ({ family: 4, host: `10.0.0.${place}`, port });
export const vehicleAddress = (vehicle: number, port = 4_000): SocketAddress => address(1 + vehicle, port);
export const edgeAddress = (): SocketAddress => address(50, 4_500);
export const serverAddress = (port = 5_000): SocketAddress => address(100, port);
export const vehicleName = (index: number): string => `vehicle-${index + 1}`;

/** What a way to send needs to know. */
export interface ArmOptions {
  readonly seed: number;
  readonly engine: CryptoEngine;
  /** Of each vehicle. */
  readonly telemetry: readonly Telemetry[];
  /** Bytes of an upload have arrived in order. */
  readonly onUploaded: (bytes: number) => void;
}

/** One way to send both loads: each vehicle sends its telemetry, and uploads as fast as it may. */
export interface Arm {
  vehicle(index: number): NodeElement;
  server(): NodeElement;
}

/** The four nodes and their links; `edge` is another one beside the router. */
export function road(vehicles: readonly NodeElement[], server: NodeElement, edge?: NodeElement): Graph {
  const uplink = { delay: UPLINK_DELAY, rate: UPLINK, queue: 100 };
  const links = [
    ...vehicles.map((_, index) => wire(vehicleName(index), "router", uplink)),
    wire("router", "server", { delay: BOTTLENECK_DELAY, rate: BOTTLENECK, queue: QUEUE }),
  ];
  if (edge === undefined) return { nodes: [...vehicles, router("router"), server], links };
  const beside = wire("router", edge.name, { delay: EDGE_DELAY, rate: EDGE, queue: 200 });
  return { nodes: [...vehicles, router("router"), server, edge], links: [...links, beside] };
}

/** Runs until all telemetry has been sent, and what was on its way has arrived. */
export function drive(build: (options: ArmOptions) => Arm, load: TelemetryOptions, { seed, engine }: Run): Values {
  const telemetry = Array.from({ length: VEHICLES }, () => new Telemetry(load));
  let uploaded = 0;
  const onUploaded = (bytes: number): void => {
    if (!telemetry.every((each) => each.isDone)) uploaded += bytes;
  };
  const arm = build({ seed, engine, telemetry, onUploaded });
  const vehicles = telemetry.map((_, index) => arm.vehicle(index));
  const network = new SimulatedNetwork({ seed, network: road(vehicles, arm.server()) });
  const duration = load.packets / load.rate;
  network.run({ maxVirtualTime: seconds(duration + REST), maxEvents: MAX_EVENTS });
  return { ...telemetryFigures(telemetry), upload: megabits(uploaded, duration) };
}
