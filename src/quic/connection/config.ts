/**
 * An endpoint's configuration for its connections. Every number has a default; a host overrides what it knows better.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { type Instant, type Micros, millis, seconds } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { type DatagramLimits, DEFAULT_DATAGRAM_LIMITS } from "../datagram/index.ts";
import { type ConnectionIdGenerator, RandomConnectionIds } from "../packet/connection-id-generator.ts";

export interface ConnectionLimits {
  /**
   * The bytes that a peer may send on one connection before we grant credit; grows to `maxConnectionWindow` with use.
   */
  readonly initialMaxData: number;
  readonly initialMaxStreamData: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  readonly maxConnectionWindow: number;
  readonly maxStreamWindow: number;
  /** Bytes that unread streams may hold before they block other streams. Default: `maxConnectionWindow`. */
  readonly maxUnread?: number;
  /** The number of bytes that `write` takes for one stream before it returns false, or two congestion windows if larger. */
  readonly sendBufferPerStream: number;
  readonly sendBufferPerConnection: number;
  /** How many of our ids the peer may hold at once, and vice versa (RFC 9000 §5.1.1). */
  readonly activeConnectionIdLimit: number;
}

export interface ConnectionConfig {
  readonly engine: CryptoEngine;
  readonly rng: Rng;
  readonly limits: ConnectionLimits;
  /** Announced as max_idle_timeout; zero disables it on our side (RFC 9000 §10.1). */
  readonly maxIdleTimeout: Micros;
  /** The maximum duration of a handshake. */
  readonly handshakeTimeout: Micros;
  /**
   * The longest interval of the PINGs with which a client that waits for something keeps the path alive and checks its server;
   * zero disables them.
   */
  readonly keepAlive: Micros;
  readonly maxAckDelay: Micros;
  readonly ackDelayExponent: number;
  readonly congestionControl: CongestionControl;
  /**
   * Experimental (draft-ietf-quic-ack-frequency): asks the peer for fewer acknowledgements while the window is large, and
   * does what it asks. Off by default.
   */
  readonly ackFrequency: boolean;
  /** Datagrams (RFC 9221); without it, the peer may send none, and so may we. */
  readonly datagrams: DatagramLimits | undefined;
  /** The largest datagram that path MTU discovery probes for; 1200 turns it off. By default `interfaceLimit` decides. */
  readonly maxDatagramSize: number | undefined;
  /** The largest datagram that the interface of an address takes, if the host knows. By default what Ethernet takes. */
  readonly interfaceLimit: (local: SocketAddress | undefined) => number | undefined;
  /** True if the host can set and read the ECN bits of datagrams (RFC 9000 §13.4). */
  readonly ecn: boolean;
  /** The shortest wait of the driver's timer; a lower bound for the pacer's bursts. */
  readonly timerGrain: Micros;
  /** Generates our connection ids; random ones of 8 bytes by default. */
  readonly connectionIds: ConnectionIdGenerator;
  readonly keyLog: boolean;
  /** Asks clients not to change their address on purpose (RFC 9000 §18.2). */
  readonly disableActiveMigration: boolean;
  /** Accepts packets without the QUIC Bit, and sends such packets to peers that accept them (RFC 9287). */
  readonly greaseQuicBit: boolean;
  /**
   * The time on a clock that servers with shared keys agree on, for what outlives a connection. Default: the driver's time,
   * which suits keys that do not outlive the driver.
   */
  readonly wallTime: (now: Instant) => Instant;
  /**
   * The supported versions, in order of preference; a client lists them, and a server chooses the first that it can. By
   * default, all of them, and a server follows the client's order.
   */
  readonly versions?: readonly number[] | undefined;
  /** Packets per 1-RTT key before a key update; only lowered by tests (RFC 9001 §6.6). */
  readonly keyUpdateAfter?: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  initialMaxData: 1_536 * 1024,
  initialMaxStreamData: 512 * 1024,
  initialMaxStreamsBidi: 1000,
  initialMaxStreamsUni: 16,
  maxConnectionWindow: 16 * 1024 * 1024,
  maxStreamWindow: 8 * 1024 * 1024,
  sendBufferPerStream: 128 * 1024,
  sendBufferPerConnection: 8 * 1024 * 1024,
  activeConnectionIdLimit: 4,
};

export function connectionConfig(
  given: Pick<ConnectionConfig, "engine" | "rng"> &
    Partial<Omit<ConnectionConfig, "limits" | "datagrams">> & {
      readonly limits?: Partial<ConnectionLimits>;
      readonly datagrams?: Partial<DatagramLimits> | undefined;
    },
): ConnectionConfig {
  return {
    maxIdleTimeout: seconds(30),
    handshakeTimeout: seconds(10),
    keepAlive: seconds(0),
    maxAckDelay: millis(25),
    ackDelayExponent: 3,
    congestionControl: "cubic",
    maxDatagramSize: undefined,
    interfaceLimit: () => undefined,
    ackFrequency: false,
    ecn: false,
    timerGrain: millis(1),
    connectionIds: new RandomConnectionIds(given.rng),
    keyLog: false,
    disableActiveMigration: false,
    greaseQuicBit: true,
    wallTime: (now) => now,
    ...given,
    limits: { ...DEFAULT_LIMITS, ...given.limits },
    datagrams: given.datagrams && { ...DEFAULT_DATAGRAM_LIMITS, ...given.datagrams },
  };
}
