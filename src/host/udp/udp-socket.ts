/**
 * The UDP socket interface: an engine sends trains of equally sized datagrams and delivers batches. The `portable`
 * engine uses node:dgram; a faster one would have the same interface.
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, SocketCommand, Transmit } from "../../base/datagrams.ts";
import type { Fault } from "../guard.ts";

export interface UdpSocket {
  /** The engine's name for display: "portable". */
  readonly engine: string;
  readonly address: SocketAddress;
  /** True if the socket sends a train's ECN marks and reports those of received datagrams. */
  readonly carriesEcn: boolean;
  /** The socket's buffer for the next train. It may change after each `send`. */
  readonly slots: SlotWriter;
  /** Sends the train at the start of `slots`. Returns the number of datagrams sent. */
  send(transmit: Transmit): number;
  /** Returns false if the engine does not support the command. */
  handleCommand(command: SocketCommand): boolean;
  /** True if the socket's buffer is full; `onWritable` is called when sending can continue. */
  readonly isBlocked: boolean;
  onWritable: (() => void) | undefined;
  /** Called with all datagrams of one event loop turn. The batch is cleared afterwards. */
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  /** For a connected socket: the peer's port is unreachable, according to ICMP, which can be forged. */
  onRefused?: (() => void) | undefined;
  /** Called for a socket error, or an exception in a callback. The socket continues; datagrams may be lost. */
  onFault: ((fault: Fault) => void) | undefined;
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}
