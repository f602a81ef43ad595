// Reads single keys if there is a terminal.
import type { ReadStream } from "node:tty";

/** Calls the action of each pressed key until the returned function is called. Ctrl-C works like q. */
export function listenForKeys(stdin: ReadStream, actions: Readonly<Record<string, () => void>>): () => void {
  if (!stdin.isTTY) return () => undefined;
  const onData = (data: Buffer): void => {
    for (const key of data.toString("utf8")) actions[key === "\x03" ? "q" : key.toLowerCase()]?.();
  };
  stdin.setRawMode(true).resume().on("data", onData);
  return () => {
    stdin.off("data", onData).setRawMode(false).pause();
  };
}
