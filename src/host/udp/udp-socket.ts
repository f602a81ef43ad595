/**
 * The UDP seam (DESIGN §4): whatever stands behind it takes trains of equal datagrams and gives batches. `portable` is
 * node:dgram; a faster engine has the same face.
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, SocketCommand, Transmit } from "../../base/datagrams.ts";
import type { Fault } from "../guard.ts";

export interface UdpSocket {
  /** Reported to people: "portable". */
  readonly engine: string;
  readonly address: SocketAddress;
  /** Whether it sends with the ECN bits that a train asks for, and reports those of what arrives. */
  readonly carriesEcn: boolean;
  /** Where the next train is to be written: this socket's own. It may be another arena after each `send`. */
  readonly slots: SlotWriter;
  /** Sends the train that lies at the start of `slots`. Returns how many of its datagrams left. */
  send(transmit: Transmit): number;
  /** False: the engine cannot do that. */
  handleCommand(command: SocketCommand): boolean;
  /** The socket is full: sending goes on when `onWritable` is called. */
  readonly isBlocked: boolean;
  onWritable: (() => void) | undefined;
  /** All that one turn of the event loop brought. The batch is cleared afterwards. */
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  /** A socket with one peer: the system says that nobody listens there (ICMP, which anybody may forge). */
  onRefused?: (() => void) | undefined;
  /** An error of the socket, or an exception while it was served. It goes on; datagrams may be lost. */
  onFault: ((fault: Fault) => void) | undefined;
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}
