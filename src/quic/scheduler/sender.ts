/** What the leaves of the scheduler tree stand for: something that fills packets and keeps a record of it. */

import type { Writer } from "../../wire/writer.ts";
import type { Demand, Leaf } from "./nodes.ts";

export interface Sender<Record> {
  /** Its place in the tree. */
  readonly leaf: Leaf<Sender<Record>>;
  /** What it can send now. */
  readonly demand: Demand;
  /** The bytes of what is next, if they go into one packet or none. */
  readonly indivisible?: number | undefined;
  /**
   * Writes a frame and records it. `credit` is the connection's flow control credit. Returns the credit used, or -1 if
   * there is not enough room.
   */
  writeFrame(writer: Writer, records: Record[], credit: number): number;
}
