/** A virtual network in virtual time, for machines without I/O. */

/** Addresses of hosts, and the machines that a host drives. */
export { type DatagramMachine, Ecn, ReceivedBatch, type SocketAddress, type Transmit } from "../base/datagrams.ts";
/** Chance that comes from a seed. */
export { type Rng, randomBytes, SeededRng, uniform } from "../base/rng.ts";
/** Time: instants and spans are whole microseconds with a brand, made by these. */
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
/** What is told to those who watch. */
export type { CaptureRecord, Direction, DropReason, SimulatedDatagram } from "./datagram.ts";
/** A fingerprint of a run. */
export { TraceDigest } from "./digest.ts";
/** The driver of one machine. */
export { Host, type HostOptions } from "./host.ts";
/** A server's certificate and key that are the same in every run. */
export { simulatedIdentity } from "./identity.ts";
/** One direction of a link. */
export { Link, type LinkOptions } from "./link.ts";
/** The network, described in one array. */
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
/** What happens when. */
export { VirtualSchedule } from "./virtual-schedule.ts";
