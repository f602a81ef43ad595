/** The in-memory transport behaves like a connection. */

import { describe, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import type { TransportCaseOptions, TransportPair } from "../../quic/testing/transport-case.ts";
import { TRANSPORT_CASES } from "../../quic/testing/transport-cases.ts";
import type { TransportEvent } from "../../quic/transport.ts";
import { type MemoryOptions, type MemoryTransport, memoryPair } from "./memory-transport.ts";

function casePair(options: MemoryOptions): TransportPair {
  const { client, server } = memoryPair(options);
  const clientEvents: TransportEvent[] = [];
  const serverEvents: TransportEvent[] = [];
  const turn = (side: MemoryTransport, events: TransportEvent[]): boolean => {
    const isMoving = side.deliverOne();
    events.push(...side.events.splice(0));
    return isMoving;
  };
  return {
    client,
    server,
    clientEvents,
    serverEvents,
    run: () => {
      while ([turn(client, clientEvents), turn(server, serverEvents)].includes(true));
      // A delivery to the other side may have produced events on this one.
      turn(client, clientEvents);
    },
  };
}

const NETWORKS: readonly (readonly [string, (options: TransportCaseOptions) => MemoryOptions])[] = [
  ["in order", (options) => options],
  ["split and reordered", (options) => ({ ...options, rng: new SeededRng(7) })],
];

describe.each(NETWORKS)("in memory, %s", (_, network) => {
  test.each(TRANSPORT_CASES.map((each) => [each.name, each] as const))("%s", (_name, { options, check }) => {
    check(casePair(network(options ?? {})));
  });
});
