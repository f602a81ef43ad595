/** A virtual network in virtual time, for machines without I/O. */

/** What is told to those who watch. */
export type { CaptureRecord, Direction, DropReason, SimulatedDatagram } from "./datagram.ts";
/** A fingerprint of a run. */
export { TraceDigest } from "./digest.ts";
/** The driver of one machine. */
export { Host, type HostOptions } from "./host.ts";
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
