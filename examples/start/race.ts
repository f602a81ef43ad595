// The race: the same downloads over HTTP/3, HTTP/2 and HTTP/1.1, from this server, by our own client. They run one after
// the other, so that none slows another down, and in a thread of their own, so that client and server do not share one.
import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Send } from "./event-stream.ts";

/** TypeScript where Node runs it, JavaScript where it was compiled. */
const WORKER = `./race-worker${extname(import.meta.url)}`;

export type Load = "large" | "small";

/** How many small files there are: /download/small/0 and on. */
export const SMALL_COUNT = 100;

export interface RaceOptions {
  readonly url: string;
  readonly ca: string;
  readonly load: Load;
}

/** One runner's way: times in milliseconds since it started, without a connection. */
export interface Run {
  readonly protocol: "h3" | "h2" | "http/1.1";
  readonly handshake: number;
  readonly firstByte: number;
  readonly total: number;
  readonly bytes: number;
  readonly connections: number;
  /** Time and bytes received until then. */
  readonly samples: readonly (readonly [time: number, bytes: number])[];
}

/** Sends each `Run` when it is over. */
export async function runRace(options: RaceOptions, send: Send, signal: AbortSignal): Promise<void> {
  const worker = new Worker(new URL(WORKER, import.meta.url), { workerData: options });
  const stop = () => void worker.terminate();
  signal.addEventListener("abort", stop, { once: true });
  worker.on("message", send);
  try {
    await once(worker, "exit"); // rejects with what the worker threw
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
