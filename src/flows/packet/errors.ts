/** Why a packet was dropped. */

export type FlowPacketFault =
  /** Another version than 1, or a type of header that it does not have. */
  | "version"
  /** The header is longer than the packet, or not as long as its type wants. */
  | "header"
  /** More relays than a way has. */
  | "path"
  /** More or fewer units than announced. */
  | "flow-count"
  /** A unit of another type than the one before it announced. */
  | "chain"
  /** A unit's header or payload that runs past the end, or is too short for its type. */
  | "unit"
  /** A value that the field does not have. */
  | "value";

/** A packet that cannot be read: it is dropped as a whole, and counted. */
export class FlowPacketError extends Error {
  override readonly name = "FlowPacketError";
  readonly fault: FlowPacketFault;

  constructor(fault: FlowPacketFault, reason: string) {
    super(reason);
    this.fault = fault;
  }
}
