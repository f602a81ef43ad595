/** A clock and a beep, as a stream of fragmented MP4 and as a broadcast of a relay in this process. */

import { setTimeout as sleep } from "node:timers/promises";
import { BroadcastPublisher } from "../../media/broadcast/index.ts";
import { EVERYTHING } from "../../media/relay/index.ts";
import { TestSource } from "../../media/test-source/index.ts";
import type { HostClock } from "../clock.ts";
import { detach, reportFault } from "../guard.ts";
import type { LiveHost } from "./live-relay.ts";
import { namespaceOf } from "./names.ts";

/** Does not end by itself, until it is aborted. */
export async function* testSource(clock: HostClock, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const source = new TestSource({ start: clock.now(), wallClock: clock.date() });
  while (signal?.aborted !== true) {
    const now = clock.now();
    const bytes = source.pollBytes(now);
    if (bytes !== undefined) yield bytes;
    else await sleep(Math.max(1, (source.nextTimeout() - now) / 1_000));
  }
}

export interface RunningSource {
  stop(): void;
}

/** Publishes it in a relay of this process. */
export async function publishTestSource(host: LiveHost, name: string): Promise<RunningSource> {
  const { clock, relay } = host;
  const peer = relay.addPeer({ label: "test source", grant: EVERYTHING });
  const publisher = new BroadcastPublisher(
    { peer, namespace: namespaceOf(name), date: () => clock.date() },
    clock.now(),
  );
  const stopped = new AbortController();
  const feed = async (): Promise<void> => {
    for await (const bytes of testSource(clock, stopped.signal)) {
      publisher.push(bytes, clock.now());
      host.arm();
    }
  };
  detach("live test source", reportFault, feed());
  return {
    stop: () => {
      stopped.abort();
      publisher.end(clock.now());
    },
  };
}
