// Single keys, where there is a terminal to press them in.
import type { ReadStream } from "node:tty";

/** Calls what belongs to a key when it is pressed, until the returned function is called. Ctrl-C is as good as q. */
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
