// Writes a broadcast as fragmented MP4 until it ends.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BroadcastWatcher, type WatcherEvents } from "../../media/broadcast/index.ts";
import { EVERYTHING } from "../../media/relay/index.ts";
import { CliError, EXIT } from "../fail.ts";
import { untilStopped } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { parseDuration } from "../serve/flags.ts";
import { connect, type LiveFlags, namespaceFrom, reporter } from "./session.ts";

export interface WatchFlags extends LiveFlags {
  readonly output: string;
  readonly track?: readonly string[];
  readonly time?: string;
  readonly wait: string;
}

/** Bytes that may wait for the reader of the output. */
const MAX_WAITING = 64 * 1024 * 1024;

export async function runWatch(name: string, flags: WatchFlags, io: Io): Promise<void> {
  const namespace = namespaceFrom(name);
  const wait = parseDuration(flags.wait, "--wait");
  const time = flags.time === undefined ? undefined : parseDuration(flags.time, "--time");
  const report = reporter(io, flags.json);
  const stopped = untilStopped(io);
  const output = flags.output === "-" ? io.stdout : await openFile(flags.output);
  const { host, session, failed } = await connect(flags, io, { name, direction: "receive" }, (peer, { clock }) =>
    peer.join({ ask: [namespace] }, clock.now()),
  );
  const { clock } = host;
  const timeUp = new AbortController();
  try {
    let watcher: BroadcastWatcher | undefined;
    const ended = new Promise<void>((resolve, reject) => {
      const events: WatcherEvents = {
        onBytes: (bytes) => {
          output.write(bytes);
          if (output.writableLength > MAX_WAITING) reject(new Error("the output is not read: 64 MiB wait for it"));
        },
        onTracks: (tracks) => {
          const names = tracks.map((track) => `${track.name} (${track.codec})`).join(", ");
          report(
            { event: "tracks", tracks: tracks.map(({ name: each, codec }) => ({ name: each, codec })) },
            `watching ${names}`,
          );
        },
        onNotice: (message) => report({ event: "notice", message }, message),
        onEnd: (reason) => {
          if (typeof reason === "string") resolve();
          else reject(new CliError("NOT_FOUND", `cannot watch ${name}: ${reason.message}`, { exitCode: EXIT.failed }));
        },
      };
      const peer = host.relay.addPeer({ label: "output", grant: EVERYTHING });
      watcher = new BroadcastWatcher({ ...events, peer, namespace, wait, tracks: flags.track }, clock.now());
      host.arm();
    });
    output.once("error", () => timeUp.abort());
    const limit = time === undefined ? new Promise<never>(() => {}) : sleep(time, undefined, { signal: timeUp.signal });
    const closed = once(output, "error", { signal: timeUp.signal }).catch(() => undefined);
    await Promise.race([ended, stopped.promise, failed, limit.catch(() => undefined), closed]);
    watcher!.close(clock.now());
    const { objects, bytes, lateStreams } = watcher!.stats;
    report(
      { event: "closed", objects, bytes, lateStreams },
      `${objects} objects, ${bytes} bytes, ${lateStreams} groups came too late`,
    );
  } finally {
    timeUp.abort();
    stopped.clear();
    session.close();
    host.close("the viewer leaves");
    if (flags.output !== "-") await new Promise((resolve) => output.end(resolve));
    io.exitSoon?.();
  }
}

async function openFile(path: string): Promise<Writable> {
  const file = createWriteStream(path);
  try {
    await once(file, "open");
  } catch (cause) {
    throw new CliError("OUTPUT_FAILED", `cannot write ${path}: ${(cause as Error).message}`, {
      exitCode: EXIT.failed,
      cause,
    });
  }
  return file;
}
