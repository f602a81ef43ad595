/** Uploads through an edge, while its origins restart one after the other: what fails, with Partial POST Replay and without. */

import { createHash } from "node:crypto";
import { type Client, createClient } from "../../src/client/index.ts";
import type { Protocol } from "../../src/host/client/session.ts";

/** A server that restarts, as a process or within this one. */
export interface Restartable {
  readonly port: number;
  /** Ends it, with time for what is in progress, and starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface Edge {
  readonly url: string;
  stop(): Promise<void>;
}

export interface RollingOptions {
  readonly clients: number;
  /** Bytes of each upload. */
  readonly bytes: number;
  readonly origins: readonly Restartable[];
  readonly edge: Edge;
  /**
   * Milliseconds between two restarts. Each replays what its origin had, so uploads never end if this is shorter than that takes.
   */
  readonly pause: number;
  /** After so many, there are no more restarts. No limit by default. */
  readonly maxRestarts?: number;
  readonly protocols: readonly Protocol[];
  readonly log: (line: string) => void;
}

export interface RollingResult {
  readonly uploads: number;
  /** What each failed upload got. */
  readonly failures: readonly string[];
  readonly restarts: number;
  readonly milliseconds: number;
}

const CHUNK = 64 * 1024;

/** Content that differs for each client, in pieces, and its digest. */
function contentOf(client: number, bytes: number) {
  const hash = createHash("sha256");
  const block = new Uint8Array(CHUNK).map((_, i) => (i * 31 + client * 7) & 255);
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === bytes) {
          controller.close();
          return;
        }
        const chunk = block.slice(0, Math.min(CHUNK, bytes - sent));
        // Each block differs, so that one that is lost, repeated or moved is noticed.
        new DataView(chunk.buffer).setUint32(0, sent / CHUNK);
        sent += chunk.byteLength;
        hash.update(chunk);
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 1 },
  );
  return { stream, digest: () => hash.digest("hex") };
}

async function upload(client: Client, url: string, number: number, bytes: number): Promise<string | undefined> {
  const { stream, digest } = contentOf(number, bytes);
  try {
    const response = await client.fetch(url, { method: "POST", body: stream, duplex: "half" });
    const text = await response.text();
    const wanted = `${bytes} ${digest()}`;
    if (response.status !== 200) return `${response.status} ${text.trim().split("\n")[0]}`;
    return text === wanted ? undefined : `${text} instead of ${wanted}`;
  } catch (error) {
    return `${(error as { readonly code?: string }).code}: ${(error as Error).message}`;
  }
}

export async function rollingRestart(options: RollingOptions): Promise<RollingResult> {
  const { clients, bytes, origins, edge, pause, maxRestarts = Number.POSITIVE_INFINITY, protocols, log } = options;
  const start = performance.now();
  let isDone = false;
  let restarts = 0;
  const rolling = (async () => {
    for (let next = 0; !isDone && restarts < maxRestarts; next = (next + 1) % origins.length) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (isDone) return;
      await origins[next]!.restart();
      restarts += 1;
      log(`restarted origin ${next + 1}`);
    }
  })();
  const opened = protocols.map((protocol) =>
    createClient({
      protocols: [protocol],
      rejectUnauthorized: false,
      maxConnections: clients,
      headersTimeout: Number.POSITIVE_INFINITY,
    }),
  );
  const outcomes = await Promise.all(
    Array.from({ length: clients }, (_, i) => upload(opened[i % opened.length]!, edge.url, i, bytes)),
  );
  isDone = true;
  const milliseconds = performance.now() - start;
  await Promise.all(opened.map((client) => client.close()));
  await rolling;
  const failures = outcomes.filter((outcome) => outcome !== undefined);
  return { uploads: clients, failures, restarts, milliseconds };
}
