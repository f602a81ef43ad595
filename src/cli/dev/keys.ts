// Single keys on a terminal, without Enter.
import type { Readable } from "node:stream";

/** A terminal's input. */
interface Terminal extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

const CONTROL_C = "\u0003";
const CONTROL_D = "\u0004";

/** Calls the action of each key pressed; does nothing without a terminal. Returns a function that stops. */
export function onKeys(
  stdin: Terminal,
  actions: Readonly<Record<string, () => void>>,
  interrupt: () => void,
): () => void {
  if (stdin.isTTY !== true || stdin.setRawMode === undefined) return () => undefined;
  const onData = (data: Buffer | string): void => {
    for (const key of String(data)) {
      // In raw mode the terminal makes no signal of it.
      if (key === CONTROL_C || key === CONTROL_D || key === "q") interrupt();
      else actions[key.toLowerCase()]?.();
    }
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", onData);
  return () => {
    stdin.off("data", onData);
    stdin.setRawMode?.(false);
    stdin.pause();
  };
}
