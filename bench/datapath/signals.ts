/** What the receiver of the raw data path tells the sender. */

const LENGTH = 17;
const TYPES = ["request", "arrived", "lost"] as const;

export type Signal =
  | { readonly type: "request"; readonly count: number; readonly size: number }
  /** Packets below this number have arrived, or were lost. */
  | { readonly type: "arrived"; readonly arrived: number }
  /** Nothing has arrived for a while: what was sent is lost. */
  | { readonly type: "lost" };

/** Returns the length. */
export function writeSignal(arena: Uint8Array, signal: Signal): number {
  const view = new DataView(arena.buffer, arena.byteOffset, LENGTH);
  view.setUint8(0, TYPES.indexOf(signal.type));
  view.setFloat64(1, signal.type === "request" ? signal.count : signal.type === "arrived" ? signal.arrived : 0);
  view.setFloat64(9, signal.type === "request" ? signal.size : 0);
  return LENGTH;
}

export function readSignal(arena: Uint8Array, at: number): Signal {
  const view = new DataView(arena.buffer, arena.byteOffset + at, LENGTH);
  const type = TYPES[view.getUint8(0)]!;
  if (type === "request") return { type, count: view.getFloat64(1), size: view.getFloat64(9) };
  return type === "arrived" ? { type, arrived: view.getFloat64(1) } : { type };
}
