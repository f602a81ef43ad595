/** Tests a pair of connections as `StreamTransport`s. */

import { describe, test } from "vitest";
import { millis } from "../base/time.ts";
import { type ConnectionEvent, type ConnectionLimits, isTransportEvent } from "./index.ts";
import { Pair } from "./testing/pair.ts";
import type { TransportCaseOptions, TransportPair } from "./testing/transport-case.ts";
import { TRANSPORT_CASES } from "./testing/transport-cases.ts";
import type { TransportEvent } from "./transport.ts";

function connectionPair({ maxBidiStreams, maxUniStreams, window }: TransportCaseOptions = {}): TransportPair {
  const limits: Partial<ConnectionLimits> = {
    ...(maxBidiStreams === undefined ? {} : { initialMaxStreamsBidi: maxBidiStreams }),
    ...(maxUniStreams === undefined ? {} : { initialMaxStreamsUni: maxUniStreams }),
    ...(window === undefined
      ? {}
      : { initialMaxStreamData: window, maxStreamWindow: window, sendBufferPerStream: window }),
  };
  const config = { limits: limits as ConnectionLimits };
  const pair = new Pair({ client: config, server: config }).connect();
  const only = (events: readonly ConnectionEvent[]): TransportEvent[] => events.filter(isTransportEvent);
  return {
    client: pair.connection,
    server: pair.peer!,
    get clientEvents() {
      return only(pair.clientEvents);
    },
    get serverEvents() {
      return only(pair.serverEvents);
    },
    // Long enough for anything that was requested, and too short for the idle timeout.
    run: () => void pair.run(undefined, millis(500)),
  };
}

describe("two connections", () => {
  test.each(TRANSPORT_CASES.map((each) => [each.name, each] as const))("%s", (_, { options, check }) => {
    check(connectionPair(options));
  });
});
