/** A receiver whose processor is taken away for two seconds: who waits, and what becomes of the deadlines. */

import { Fifo } from "../../base/fifo.ts";
import { after, earliest, type Instant, micros, millis, seconds } from "../../base/time.ts";
import { Arbiter, type FlowSession, PlainFlowEndpoint, type PlainFlowEvent, type Verdict } from "../../flows/index.ts";
import { host, type NodeElement, SimulatedNetwork } from "../../sim/index.ts";
import { part, type Run, type Values } from "../experiment.ts";
import { megabits, product } from "../figures.ts";
import { Processor, type Work } from "./processor.ts";
import { MAX_EVENTS, road, serverAddress, VEHICLES, vehicleAddress, vehicleName } from "./road.ts";
import { DEADLINE, TELEMETRY, Telemetry, telemetryFigures } from "./telemetry.ts";
import { Ticking } from "./ticking.ts";

const SESSION = { initialRtt: millis(50) };
/** Packets of telemetry of a vehicle, for each second, and how long. */
const RATE = 200;
const DURATION = 8;
/** When the processor is taken away, and how much of it is left. */
const OVERLOAD = { from: seconds(3), to: seconds(5), left: 0.1 };
/** What a packet of telemetry and a piece of an upload cost. */
const URGENT_COST = micros(100);
const PIECE = 1_000;
const PIECE_COST = micros(400);
const DECIDE_EVERY = millis(50);
/** Vehicles stop uploading then; what they have written must arrive. */
const LAST_WRITE = seconds(6);
/** Everything has come to rest then. */
const LONGEST = seconds(14);

const byteAt = (vehicle: number, offset: number): number => (offset * 13 + (offset >>> 8) * 5 + vehicle) & 0xff;

interface Vehicle {
  readonly telemetry: Telemetry;
  written: number;
  read: number;
  /** Bytes that were not those that were sent. */
  wrong: number;
  paused: number;
  resumed: number;
  isPaused: boolean;
}

/** An upload as the server sees it. */
interface Upload {
  readonly session: FlowSession;
  readonly flow: number;
  readonly vehicle: number;
}

const isOverloaded = (now: Instant): boolean => now >= OVERLOAD.from && now < OVERLOAD.to;

class Server {
  readonly #vehicles: readonly Vehicle[];
  readonly #urgent = new Fifo<Work>();
  readonly #bulk = new Fifo<Work>();
  readonly #uploads: Upload[] = [];
  readonly #arbiter: Arbiter<FlowSession> | undefined;
  readonly #processor: Processor;
  #turn = 0;
  #decideAt: Instant | undefined;
  /** Bytes that have arrived and were not processed: now, and at most. */
  longest = 0;
  /** Bytes that were processed while the processor was taken away. */
  during = 0;

  constructor(vehicles: readonly Vehicle[], order: "priority" | "arrival") {
    this.#vehicles = vehicles;
    this.#arbiter = order === "priority" ? new Arbiter({ cpu: 0.8 }) : undefined;
    this.#processor = new Processor({
      next: () => this.#next(),
      speed: (now) => (isOverloaded(now) ? OVERLOAD.left : 1),
    });
  }

  element(): NodeElement {
    const endpoint = new PlainFlowEndpoint({ listens: true, session: SESSION });
    return host<PlainFlowEvent>({
      name: "server",
      address: serverAddress(),
      machine: new Ticking(endpoint, () => earliest(this.#processor.doneAt, this.#decideAt)),
      onEvent: (event, now) => this.#onEvent(event, now),
      application: (now) => {
        this.#processor.work(now);
        this.#decide(now);
      },
    });
  }

  #onEvent({ session, remote, event }: PlainFlowEvent, now: Instant): void {
    const vehicle = Number(remote.host.split(".").at(-1)) - 1;
    if (event.type === "open") {
      this.#arbiter?.add(session, event.flow);
      if (this.#arbiter !== undefined) this.#decideAt ??= now;
      if (event.flow.kind === "stateful-stream") this.#uploads.push({ session, flow: event.flow.id, vehicle });
    } else if (event.type === "message") {
      const { bytes } = event;
      const done = (at: Instant): void => this.#vehicles[vehicle]!.telemetry.arrived(bytes, at);
      (this.#arbiter === undefined ? this.#bulk : this.#urgent).push({ cost: URGENT_COST, done });
    } else if (event.type === "readable" && this.#arbiter === undefined) {
      // In the order of arrival, everything is taken as it comes.
      for (let work = this.#take(); work !== undefined; work = this.#take()) this.#bulk.push(work);
    }
    this.longest = Math.max(this.longest, this.#waiting);
  }

  #next(): Work | undefined {
    return this.#urgent.shift() ?? this.#bulk.shift() ?? (this.#arbiter === undefined ? undefined : this.#take());
  }

  /** A piece of an upload, in turns. */
  #take(): Work | undefined {
    for (let n = 0; n < this.#uploads.length; n += 1) {
      this.#turn = (this.#turn + 1) % this.#uploads.length;
      const { session, flow, vehicle } = this.#uploads[this.#turn]!;
      const piece = session.read(flow, PIECE);
      if (piece === undefined) continue;
      const { bytes, offset } = piece;
      return {
        cost: micros((PIECE_COST * bytes.length) / PIECE),
        done: (at) => this.#check(vehicle, offset, bytes, at),
      };
    }
    return undefined;
  }

  #check(index: number, offset: number, bytes: Uint8Array, at: Instant): void {
    const vehicle = this.#vehicles[index]!;
    if (offset !== vehicle.read) vehicle.wrong += bytes.length;
    for (const [place, byte] of bytes.entries()) if (byte !== byteAt(index, offset + place)) vehicle.wrong += 1;
    vehicle.read += bytes.length;
    if (isOverloaded(at)) this.during += bytes.length;
  }

  get #waiting(): number {
    return this.#uploads.reduce(
      (sum, { session, flow, vehicle }) =>
        sum + Math.max(0, (session.incoming(flow)?.delivered ?? 0) - this.#vehicles[vehicle]!.read),
      0,
    );
  }

  #decide(now: Instant): void {
    if (this.#arbiter === undefined || this.#decideAt === undefined || now < this.#decideAt) return;
    this.#decideAt = after(now, DECIDE_EVERY);
    const left = isOverloaded(now) ? OVERLOAD.left : 1;
    const queue = (this.#waiting * PIECE_COST) / PIECE / left / 1_000;
    for (const verdict of this.#arbiter.decide(queue, now)) tell(verdict);
    const sessions = new Set(this.#uploads.map(({ session }) => session));
    for (const session of sessions) session.report({ link: 0, cpuFree: 1_000 * left, queue, memory: 1_024 }, now);
  }
}

function tell(verdict: Verdict<FlowSession>): void {
  const { client, flow } = verdict;
  if (client.closed !== undefined || client.incoming(flow) === undefined) return;
  if (verdict.type === "pause") client.pause(flow);
  else client.resume(flow, verdict.rate);
}

function vehicleElement(vehicle: Vehicle, index: number): NodeElement {
  const endpoint = new PlainFlowEndpoint({ listens: false, session: SESSION });
  const session = endpoint.connect(serverAddress());
  const { telemetry } = vehicle;
  const period = micros(1_000_000 / telemetry.rate);
  let clock = 0 as Instant;
  let isFinished = false;
  const urgent = session.open({
    kind: "stateful-datagram",
    priority: 0,
    period,
    maxUnit: TELEMETRY,
    cost: URGENT_COST,
  });
  const upload = session.open({ kind: "stateful-stream", priority: 200, maxUnit: PIECE, cost: PIECE_COST });
  return host<PlainFlowEvent>({
    name: vehicleName(index),
    address: vehicleAddress(index),
    machine: new Ticking(endpoint, () => telemetry.next(clock)),
    onEvent({ event }) {
      if ((event.type !== "paused" && event.type !== "resumed") || event.flow !== upload) return;
      const isPaused = event.type === "paused";
      if (isPaused && !vehicle.isPaused) vehicle.paused += 1;
      if (!isPaused && vehicle.isPaused) vehicle.resumed += 1;
      vehicle.isPaused = isPaused;
    },
    application(now) {
      clock = now;
      for (let due = telemetry.next(now); due !== undefined && due <= now; due = telemetry.next(now)) {
        session.send(urgent, telemetry.take(now), { deadline: after(now, DEADLINE) });
      }
      if (isFinished) return;
      if (now >= LAST_WRITE) {
        isFinished = true;
        session.finish(upload);
        return;
      }
      for (;;) {
        const piece = Uint8Array.from({ length: 4_096 }, (_, at) => byteAt(index, vehicle.written + at));
        const count = session.write(upload, piece, now);
        vehicle.written += count;
        if (count < piece.length) return;
      }
    },
  });
}

/** Runs until everything that was written has been processed. */
export function measureOverload(order: "priority" | "arrival", { seed }: Pick<Run, "seed">): Values {
  const vehicles = Array.from(
    { length: VEHICLES },
    (): Vehicle => ({
      telemetry: new Telemetry({ rate: RATE, packets: RATE * DURATION }),
      written: 0,
      read: 0,
      wrong: 0,
      paused: 0,
      resumed: 0,
      isPaused: false,
    }),
  );
  const server = new Server(vehicles, order);
  const network = new SimulatedNetwork({ seed, network: road(vehicles.map(vehicleElement), server.element()) });
  network.run({ maxVirtualTime: LONGEST, maxEvents: MAX_EVENTS });
  const sum = (of: (vehicle: Vehicle) => number): number => vehicles.reduce((total, each) => total + of(each), 0);
  const { packets, lost, missed, p99, longest } = telemetryFigures(vehicles.map(({ telemetry }) => telemetry));
  return {
    packets: packets!,
    lost: lost!,
    missed: missed!,
    p99: p99!,
    longest: longest!,
    pauses: sum(({ paused }) => paused),
    resumes: sum(({ resumed }) => resumed),
    during: megabits(server.during, (OVERLOAD.to - OVERLOAD.from) / 1e6),
    waiting: server.longest / 1_000,
    written: sum(({ written }) => written),
    damaged: sum(({ written, read, wrong }) => Math.abs(written - read) + wrong),
  };
}

export const overload = part({
  name: "overload",
  title: "A receiver without its processor",
  setup:
    `The same network. Each vehicle sends ${RATE} packets of telemetry in a second for ${DURATION} s, and uploads for six seconds. The server processes a packet in ${URGENT_COST / 1_000} ms and ` +
    `${PIECE} bytes of an upload in ${PIECE_COST / 1_000} ms; from the third to the fifth second it has a tenth of its processor. A packet is in time if it was processed ${DEADLINE / 1_000} ms after it was sent. ` +
    "With the arbiter, the server takes urgent packets first, reads uploads when it has time, and tells senders what they may do; otherwise it takes everything as it comes.",
  parameters: {
    order: { title: "server", labels: { priority: "with the arbiter", arrival: "in the order of arrival" } },
  },
  figures: {
    packets: { title: "packets of telemetry" },
    lost: { title: "lost" },
    missed: { title: "lost or late" },
    p99: { title: "99 % delay", unit: "ms", digits: 1 },
    longest: { title: "longest delay", unit: "ms", digits: 1 },
    pauses: { title: "pauses of uploads" },
    resumes: { title: "of them resumed" },
    during: { title: "uploads meanwhile", unit: "Mbit/s", digits: 2 },
    waiting: { title: "most bytes waiting", unit: "kB" },
    written: { title: "bytes of uploads" },
    damaged: { title: "lost, doubled or wrong" },
  },
  cells: product({ order: ["priority", "arrival"] as const }),
  isQuick: ({ order }) => order === "priority",
  repetitions: 1,
  measure: ({ order }, run) => measureOverload(order, run),
  plots: [],
});
