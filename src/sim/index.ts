/**
 * A virtual network in virtual time, for machines without I/O. Experimental.
 *
 * @module nagare/sim
 */

/** Host addresses, and the machines that a host drives. */
export { type DatagramMachine, Ecn, ReceivedBatch, type SocketAddress, type Transmit } from "../base/datagrams.ts";
/** Loss models, queue disciplines and rates of links. */
export {
  type Blackhole,
  type Change,
  type CoDelOptions,
  type DropTailOptions,
  type GilbertElliott,
  type ItemList,
  type LineOwner,
  parseRateTrace,
  type QueueOptions,
  type RateTrace,
  type RedOptions,
} from "../base/impairment/index.ts";
/** Seeded randomness. */
export { type Rng, randomBytes, SeededRng, uniform } from "../base/rng.ts";
/** Time: instants and durations are branded whole microseconds, created by these functions. */
export {
  after,
  type Instant,
  instant,
  type Micros,
  micros,
  millis,
  seconds,
  since,
  toMillis,
  toSeconds,
} from "../base/time.ts";
/** What observers receive. */
export type { CaptureRecord, Direction, DropReason, SimulatedDatagram } from "./datagram.ts";
/** A fingerprint of a run. */
export { TraceDigest } from "./digest.ts";
/** What networks are made of. */
export {
  type Forwarded,
  type Graph,
  host,
  link,
  type NetworkElement,
  type NodeElement,
  nat,
  relay,
  router,
  type Tamper,
  type WireElement,
  wire,
} from "./elements.ts";
/** The driver of one machine. */
export { Host, type HostAddress, type HostOptions } from "./host.ts";
/** A server certificate and key that never change. */
export { simulatedIdentity } from "./identity.ts";
/** One direction of a link. */
export { Link, type LinkOptions } from "./link.ts";
/** Translators. */
export { Nat, type NatOptions, type Rebinding } from "./nat.ts";
/** The network. */
export { type NetworkOptions, type RunOptions, type RunResult, SimulatedNetwork, SimulationError } from "./network.ts";
/** A run as a capture file. */
export { type CapturePoints, PcapWriter, toIpPacket } from "./pcap.ts";
/** The links of the public QUIC interop runner. */
export { type ScenarioLink, scenarios } from "./presets.ts";
/** A whole run in one call. */
export { type SimulationResult, simulate } from "./simulate.ts";
/** The event queue. */
export { VirtualSchedule } from "./virtual-schedule.ts";
