// Runs `nagare tour` on this machine and sends each row as it is produced.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Send } from "./event-stream.ts";

const NAGARE = fileURLToPath(new URL("dist/cli/main.js", import.meta.resolve("nagare/package.json")));

export async function runTour(send: Send, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [NAGARE, "tour", "--json"], { stdio: ["ignore", "pipe", "ignore"] });
  const closed = once(child, "close");
  const stop = () => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  for await (const line of createInterface({ input: child.stdout })) send(JSON.parse(line));
  await closed;
  signal.removeEventListener("abort", stop);
}
