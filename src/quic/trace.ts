/**
 * The events of a QUIC connection (draft-ietf-quic-qlog-quic-events), declared once. Names are qlog's with hyphens;
 * fields are this stack's own objects, which printers convert to their formats. Byte views are only valid during the
 * call.
 */

import type { Ecn, SocketAddress } from "../base/datagrams.ts";
import type { Trace } from "../base/trace.ts";
import type { EncryptionLevel } from "../tls/handshake.ts";
import type { Frame } from "./frame/frames.ts";
import type { PacketNumberSpace } from "./packet/number-space.ts";
import type { TransportParameters } from "./params/index.ts";
import type { CloseReason } from "./transport.ts";

/** A packet, sent or received. `size` is its share of the UDP payload, in bytes. */
interface TracedPacket {
  readonly level: EncryptionLevel;
  readonly pathId: number;
  readonly packetNumber: number;
  readonly size: number;
  /** The ECN mark of its datagram. */
  readonly ecn: Ecn;
  readonly frames: readonly Frame[];
}

export type PacketEvent =
  | ({ readonly type: "quic:packet-sent" } & TracedPacket)
  | ({ readonly type: "quic:packet-received" } & TracedPacket)
  /** Buffered until its keys are available. */
  | { readonly type: "quic:packet-buffered"; readonly level: EncryptionLevel; readonly size: number }
  | {
      readonly type: "quic:packet-dropped";
      readonly cause: "duplicate" | "decryption-failure" | "key-unavailable" | "invalid" | "unsupported" | "rejected";
      readonly size: number;
    }
  /** From an address that is not a route of the connection. */
  | { readonly type: "quic:datagram-dropped"; readonly remote: SocketAddress; readonly size: number }
  /** The addresses that packets use from now on. */
  | { readonly type: "quic:migrated"; readonly local: SocketAddress | undefined; readonly remote: SocketAddress };

export type RecoveryEvent =
  | {
      readonly type: "quic:packet-lost";
      readonly pathId: number;
      readonly space: PacketNumberSpace;
      readonly packetNumber: number;
      readonly cause: "reordering-threshold" | "time-threshold";
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
    };

export type ConnectionState = "handshake-complete" | "handshake-confirmed" | "closing" | "draining" | "closed";

export type LifecycleEvent =
  | {
      readonly type: "quic:connection-started";
      readonly role: "client" | "server";
      readonly version: number;
      readonly local: SocketAddress | undefined;
      readonly remote: SocketAddress;
    }
  /** Compatible version negotiation changed the version (RFC 9368 §2.3). */
  | { readonly type: "quic:version-negotiated"; readonly version: number }
  | { readonly type: "quic:connection-state-updated"; readonly state: ConnectionState }
  | { readonly type: "quic:parameters-set"; readonly initiator: "remote"; readonly parameters: TransportParameters }
  | { readonly type: "quic:key-discarded"; readonly level: EncryptionLevel }
  /** Whether the early data that the client offered was accepted. */
  | { readonly type: "quic:early-data"; readonly accepted: boolean }
  | { readonly type: "quic:connection-closed"; readonly reason: CloseReason };

export type QuicTraceEvent = PacketEvent | RecoveryEvent | LifecycleEvent;
export type QuicTrace = Trace<QuicTraceEvent>;
