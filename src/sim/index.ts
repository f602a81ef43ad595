/** A virtual network in virtual time, for machines without I/O. */

/** Host addresses, and the machines that a host drives. */
export { type DatagramMachine, Ecn, ReceivedBatch, type SocketAddress, type Transmit } from "../base/datagrams.ts";
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
/** The driver of one machine. */
export { Host, type HostOptions } from "./host.ts";
/** A server certificate and key that never change. */
export { simulatedIdentity } from "./identity.ts";
/** One direction of a link. */
export { Link, type LinkOptions } from "./link.ts";
/** The network, described by one array. */
export {
  type Forwarded,
  host,
  link,
  type NetworkElement,
  type NetworkOptions,
  type RunOptions,
  type RunResult,
  relay,
  SimulatedNetwork,
  SimulationError,
  type Tamper,
} from "./network.ts";
/** A run as a capture file. */
export { PcapWriter, toIpPacket } from "./pcap.ts";
/** A whole run in one call. */
export { type SimulationResult, simulate } from "./simulate.ts";
/** The event queue. */
export { VirtualSchedule } from "./virtual-schedule.ts";
