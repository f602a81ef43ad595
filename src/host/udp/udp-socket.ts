/**
 * The UDP socket interface: an engine sends trains of equally sized datagrams and delivers batches. The `portable`
 * engine uses node:dgram, the `fast` one the kernel's own calls (fast/).
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, SocketCommand, Transmit } from "../../base/datagrams.ts";
import type { Fault } from "../guard.ts";

/** Bytes of an arena for long trains: no train is longer. */
export const FULL_SEND_ARENA = 64 * 1024;

/** The next size of an arena. A small one suits requests; one that a train has filled grows, because an upload needs more. */
export const grownArena = (size: number, { length, segmentSize }: Transmit): number =>
  length + segmentSize > size ? Math.max(size, FULL_SEND_ARENA) : size;

/** What an engine can do on this machine beyond sending and receiving. */
export interface UdpCapabilities {
  /** Sends a train's ECN marks and reports those of received datagrams. */
  readonly ecn: boolean;
  /** Can forbid the fragmentation of datagrams. */
  readonly df: boolean;
  /** Sends a train in one call (generic segmentation offload). */
  readonly gso: boolean;
  /** Receives a train in one call (generic receive offload). */
  readonly gro: boolean;
  /** A socket on all addresses reports the address that was asked, and answers from it. */
  readonly pktinfo: boolean;
}

export const NO_CAPABILITIES: UdpCapabilities = { ecn: false, df: false, gso: false, gro: false, pktinfo: false };

export interface UdpSocket {
  /** The engine's name for display: "portable", "fast". */
  readonly engine: string;
  /** For a connected socket, the local address of its datagrams. */
  readonly address: SocketAddress;
  readonly capabilities: UdpCapabilities;
  /** The socket's buffer for the next train. It may change after each `send`. */
  readonly slots: SlotWriter;
  /**
   * Sends the train at the start of `slots`. Returns the number of datagrams that were sent or wait to be sent; the
   * others are lost.
   */
  send(transmit: Transmit): number;
  /** Returns false if the engine does not support the command. */
  handleCommand(command: SocketCommand): boolean;
  /** True if the socket's buffer is full; `onWritable` is called when sending can continue. */
  readonly isBlocked: boolean;
  onWritable: (() => void) | undefined;
  /** Called with all datagrams of one event loop turn. The batch is cleared afterwards. */
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  /** Called before `onBatch`, when it has been scheduled: what is scheduled now follows it in the same phase of the event loop. */
  onReadable?: (() => void) | undefined;
  /** For a connected socket: the peer's port is unreachable, according to ICMP, which can be forged. */
  onRefused?: (() => void) | undefined;
  /** For a connected socket: the system has no path to the peer any more, or the socket's address is gone. */
  onUnreachable?: (() => void) | undefined;
  /** Stops receiving, so that another process with the same socket gets all datagrams. Absent if the engine cannot. */
  pause?(): void;
  /** Called for a socket error, or an exception in a callback. The socket continues; datagrams may be lost. */
  onFault: ((fault: Fault) => void) | undefined;
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}

/** Sockets on one address, opened for several processes. */
export interface SocketGroup {
  readonly address: SocketAddress;
  readonly descriptors: readonly number[];
  /** How the kernel chooses the socket of a datagram: by a program, by both ends' addresses, or there is only one. */
  readonly steering: "program" | "addresses" | "single";
  /** Why there is no program, or only one socket. */
  readonly problem: string | undefined;
  close(): void;
}

/** Passes sockets between processes, by their descriptors. */
export interface SocketGroups {
  /** Throws a system error. `program` is a classic BPF program that returns the index of a socket. */
  open(address: SocketAddress, count: number, program: Uint8Array<ArrayBuffer> | undefined): SocketGroup;
  /** A socket from an inherited descriptor. */
  adopt(descriptor: number): UdpSocket;
}

export interface SharedBinding {
  /** True if the kernel spreads clients over the sockets of an address; otherwise the last one bound gets all datagrams. */
  readonly spreads: boolean;
  bind(port: number, host: string): Promise<UdpSocket>;
}

/** An engine: how sockets are opened on this machine. */
export interface UdpEngine {
  readonly name: "portable" | "fast";
  readonly capabilities: UdpCapabilities;
  /**
   * Binds an address, without IPv4 for "::". On all addresses, datagrams say which one was asked, and answers leave from
   * it. `sendArenaSize` is the size of the arena for trains, in bytes; the engine chooses by default.
   */
  bind(port: number, host: string, sendArenaSize?: number): Promise<UdpSocket>;
  /**
   * Opens a socket that receives only from `peer` and reports if its port is unreachable. The system chooses the local
   * address unless `local` names one.
   */
  connect(peer: SocketAddress, sendArenaSize: number, local?: string): Promise<UdpSocket>;
  /** A socket that another program has opened and bound, such as systemd. */
  adopt(descriptor: number, family: 4 | 6): Promise<UdpSocket>;
  /** Absent if the engine cannot pass on descriptors. */
  readonly groups?: SocketGroups;
  /** Binds addresses that other processes bind as well. Absent for an engine with groups. */
  readonly shared?: SharedBinding;
}
