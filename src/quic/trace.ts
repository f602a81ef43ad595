/**
 * The events of a QUIC connection (draft-ietf-quic-qlog-quic-events), declared once. Names are qlog's with hyphens;
 * fields are this stack's own objects, which printers convert to their formats. Byte views are only valid during the
 * call.
 */

import type { Ecn, SocketAddress } from "../base/datagrams.ts";
import type { Micros } from "../base/time.ts";
import type { Trace } from "../base/trace.ts";
import type { EncryptionLevel } from "../tls/handshake.ts";
import type { Frame } from "./frame/frames.ts";
import type { PacketForm } from "./packet/header.ts";
import type { PacketNumberSpace } from "./packet/number-space.ts";
import type { TransportParameters } from "./params/index.ts";
import type { EcnState } from "./route/ecn.ts";
import type { CloseReason, StreamId } from "./transport.ts";

/** The readable parts of a header, without its protection. */
export interface TracedHeader {
  /** 0 in 1-RTT packets, which do not carry it. */
  readonly version: number;
  readonly destination: Uint8Array;
  /** Empty in 1-RTT packets. */
  readonly source: Uint8Array;
  readonly tokenLength: number;
  /** In bytes. */
  readonly packetNumberLength: number;
  /** The Key Phase bit; 0 in packets with a long header. */
  readonly keyPhase: 0 | 1;
}

/**
 * A packet, sent or received. `size` is its share of the UDP payload, in bytes. `header` and `frames` are parsed when they
 * are read, which not all listeners do.
 */
interface TracedPacket {
  readonly level: EncryptionLevel;
  readonly pathId: number;
  readonly packetNumber: number;
  readonly size: number;
  readonly header: TracedHeader;
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** The ECN mark of its datagram. */
  readonly ecn: Ecn;
  readonly frames: readonly Frame[];
}

export type PacketEvent =
  | ({ readonly type: "quic:packet-sent"; readonly isMtuProbe: boolean } & TracedPacket)
  | ({ readonly type: "quic:packet-received" } & TracedPacket)
  /** Buffered until its keys are available. */
  | { readonly type: "quic:packet-buffered"; readonly level: EncryptionLevel; readonly size: number }
  | {
      readonly type: "quic:packet-dropped";
      readonly cause: "duplicate" | "decryption-failure" | "key-unavailable" | "invalid" | "unsupported" | "rejected";
      readonly size: number;
      /** Undefined if it was not parsed. */
      readonly form?: PacketForm | undefined;
    }
  | {
      readonly type: "quic:retry-received";
      readonly source: Uint8Array;
      readonly tokenLength: number;
      readonly size: number;
    }
  | { readonly type: "quic:version-negotiation-received"; readonly versions: readonly number[]; readonly size: number }
  /** From an address that is not a route of the connection. */
  | { readonly type: "quic:datagram-dropped"; readonly remote: SocketAddress; readonly size: number }
  /** The addresses that packets use from now on. */
  | { readonly type: "quic:migrated"; readonly local: SocketAddress | undefined; readonly remote: SocketAddress }
  /** RFC 9000 §8.2: a route is being validated. */
  | {
      readonly type: "quic:path-validation";
      readonly state: "started" | "succeeded" | "failed";
      readonly local: SocketAddress | undefined;
      readonly remote: SocketAddress;
    };

export type RecoveryEvent =
  | {
      readonly type: "quic:packet-lost";
      readonly pathId: number;
      readonly space: PacketNumberSpace;
      readonly packetNumber: number;
      readonly cause: "reordering-threshold" | "time-threshold";
      readonly isMtuProbe: boolean;
    }
  /** Acknowledged for the first time, ascending. */
  | {
      readonly type: "quic:packets-acked";
      readonly pathId: number;
      readonly space: PacketNumberSpace;
      readonly packetNumbers: readonly number[];
    }
  /** A packet declared lost was acknowledged after all. */
  | {
      readonly type: "quic:spurious-loss";
      readonly pathId: number;
      readonly space: PacketNumberSpace;
      readonly packetNumber: number;
    }
  /** RFC 9002 §7.6. */
  | { readonly type: "quic:persistent-congestion"; readonly pathId: number }
  | {
      readonly type: "quic:probe-timeout";
      readonly pathId: number;
      readonly space: PacketNumberSpace;
      readonly ptoCount: number;
    }
  /**
   * The loss detection timer (RFC 9002 Appendix A.8). "ack" waits for acknowledgements that are late, "pto" for the next probe.
   * `delay` is the time left.
   */
  | {
      readonly type: "quic:timer-updated";
      readonly pathId: number;
      readonly timer: "ack" | "pto";
      readonly space: PacketNumberSpace;
      readonly state: "set" | "expired" | "cancelled";
      readonly delay: Micros;
    }
  /** For the active route, after each acknowledgement and loss. Times in microseconds, windows in bytes. */
  | {
      readonly type: "quic:recovery-metrics-updated";
      readonly pathId: number;
      readonly smoothedRtt: number;
      readonly minRtt: number;
      readonly latestRtt: number;
      readonly rttVariance: number;
      readonly ptoCount: number;
      readonly congestionWindow: number;
      readonly bytesInFlight: number;
      /** Infinity before the first congestion event. */
      readonly ssthresh: number;
      /** Bytes per microsecond. */
      readonly pacingRate: number;
      /** The controller's state, such as "slow-start". */
      readonly congestionState: string;
      readonly ecn: EcnState;
    }
  /** The largest UDP payload that may be sent has changed (RFC 9000 §14.3). */
  | { readonly type: "quic:mtu-updated"; readonly pathId: number; readonly size: number };

export type StreamEvent =
  | { readonly type: "quic:stream-opened"; readonly id: StreamId; readonly isLocal: boolean }
  /** Both parts have ended, and their memory is free. */
  | { readonly type: "quic:stream-closed"; readonly id: StreamId }
  /** The peer's limit of the stream began or ceased to hold back its data (RFC 9000 §4.1). */
  | { readonly type: "quic:stream-data-blocked-updated"; readonly id: StreamId; readonly isBlocked: boolean }
  /** The application has written or read bytes. */
  | {
      readonly type: "quic:stream-data-moved";
      readonly id: StreamId;
      readonly direction: "written" | "read";
      readonly length: number;
      readonly fin: boolean;
    };

/** The application has written or read a datagram (RFC 9221). */
export interface DatagramEvent {
  readonly type: "quic:datagram-data-moved";
  readonly direction: "written" | "read";
  readonly length: number;
}

/** What keeps data from being sent. "stream-id": the peer's limit of streams. */
export type BlockedReason =
  | "amplification-protection"
  | "congestion-control"
  | "pacing"
  | "connection-flow-control"
  | "stream-id";

/** What has kept data from being sent since the connection last sent all that it may; undefined if nothing did. */
export interface BlockedEvent {
  readonly type: "quic:connection-data-blocked-updated" | "quic:datagram-data-blocked-updated";
  readonly reason: BlockedReason | undefined;
}

export type ConnectionState = "handshake-complete" | "handshake-confirmed" | "closing" | "draining" | "closed";

export type LifecycleEvent =
  | {
      readonly type: "quic:connection-started";
      readonly role: "client" | "server";
      readonly version: number;
      readonly local: SocketAddress | undefined;
      readonly remote: SocketAddress;
      readonly congestionControl: string;
      readonly timerGrain: Micros;
    }
  /** Compatible version negotiation changed the version (RFC 9368 §2.3). */
  | { readonly type: "quic:version-negotiated"; readonly version: number }
  | { readonly type: "quic:connection-state-updated"; readonly state: ConnectionState }
  | {
      readonly type: "quic:parameters-set";
      readonly initiator: "local" | "remote";
      readonly parameters: Partial<TransportParameters>;
    }
  /** Client only: the parameters of an earlier connection, which 0-RTT data relies on (RFC 9000 §7.4.1). */
  | { readonly type: "quic:parameters-restored"; readonly parameters: TransportParameters }
  /** The outcome of a complete handshake. */
  | {
      readonly type: "quic:negotiated";
      readonly version: number;
      readonly alpn: string;
      readonly cipherSuite: string;
      readonly group: string;
      /** The time from the first packet to completion. */
      readonly duration: Micros;
      readonly resumed: boolean;
      readonly acceptedEarlyData: boolean;
    }
  /** Keys are in use from now on. `generation` counts the updates of 1-RTT keys (RFC 9001 §6). */
  | {
      readonly type: "quic:key-updated";
      readonly level: EncryptionLevel;
      readonly direction: "read" | "write";
      readonly generation: number;
      readonly cause: "tls" | "local" | "remote";
    }
  | { readonly type: "quic:key-discarded"; readonly level: EncryptionLevel }
  /** Whether the early data that the client offered was accepted. */
  | { readonly type: "quic:early-data"; readonly accepted: boolean }
  | { readonly type: "quic:connection-closed"; readonly reason: CloseReason }
  /** The last event: nothing is sent or received any more. */
  | { readonly type: "quic:connection-freed" };

/** What an endpoint does with datagrams that belong to no connection. */
export type EndpointTraceEvent =
  | {
      readonly type: "quic:endpoint-datagram-dropped";
      readonly cause: "invalid" | "connection-unknown" | "rejected";
      readonly size: number;
    }
  | {
      readonly type: "quic:stateless-reply";
      readonly reply: "version-negotiation" | "retry" | "refusal" | "stateless-reset";
    };
export type EndpointTrace = Trace<EndpointTraceEvent>;

export type QuicTraceEvent = PacketEvent | RecoveryEvent | StreamEvent | DatagramEvent | BlockedEvent | LifecycleEvent;
export type QuicTrace = Trace<QuicTraceEvent>;
