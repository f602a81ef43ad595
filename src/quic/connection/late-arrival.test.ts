/** A packet that was declared lost arrives after all (RFC 9002 §6.1): its contents count as delivered. */

import { expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { Pair } from "../testing/pair.ts";

test("data whose first copy arrives late is not sent a third time", () => {
  let isWriting = false;
  let held: Uint8Array | undefined;
  const pair: Pair = new Pair({
    wire: (datagram, direction) => {
      if (direction === "to-client" || !isWriting) return datagram;
      if (held === undefined) {
        held = datagram;
        return undefined;
      }
      // Everything that is sent again is lost.
      return pair.connection.stats.packetsLost === 0 ? datagram : undefined;
    },
  }).connect();
  const { connection } = pair;
  const finished = (): boolean => pair.clientEvents.some(({ type }) => type === "stream-finished");
  isWriting = true;
  connection.write(connection.openStream("uni")!, new Uint8Array(8_000), true);
  pair.run(() => connection.stats.packetsLost > 0, seconds(1));
  expect(connection.stats.packetsLost).toBe(1);
  pair.run(finished, millis(1));
  expect(finished()).toBe(false);
  pair.inject("to-server", held!);
  pair.run(finished, millis(60));
  expect(finished()).toBe(true);
});
