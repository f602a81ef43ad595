// The race: our own client makes the same downloads from this server over HTTP/3, HTTP/2 and HTTP/1.1. They run one
// after another, so that none slows another down, and in a separate thread from the server.
import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Send } from "./event-stream.ts";

/** TypeScript if Node runs it directly, JavaScript if it was compiled. */
const WORKER = `./race-worker${extname(import.meta.url)}`;

export type Load = "large" | "small";

/** The number of small files: /download/small/0 and up. */
export const SMALL_COUNT = 100;

export interface RaceOptions {
  readonly url: string;
  readonly ca: string;
  readonly load: Load;
}

/** One run of the race, with times in milliseconds since its start, before connecting. */
export interface Run {
  readonly protocol: "h3" | "h2" | "http/1.1";
  readonly handshake: number;
  readonly firstByte: number;
  readonly total: number;
  readonly bytes: number;
  readonly connections: number;
  /** Total bytes received by a given time. */
  readonly samples: readonly (readonly [time: number, bytes: number])[];
}

/** Sends each `Run` when it has finished. */
export async function runRace(options: RaceOptions, send: Send, signal: AbortSignal): Promise<void> {
  const worker = new Worker(new URL(WORKER, import.meta.url), { workerData: options });
  const stop = () => void worker.terminate();
  signal.addEventListener("abort", stop, { once: true });
  worker.on("message", send);
  try {
    await once(worker, "exit"); // Rejects with the worker's exception.
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
