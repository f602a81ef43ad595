/** ECN between the real sender and receiver (RFC 9000 §13.4, RFC 9002 §7.1), in virtual time. */

import { describe, expect, test } from "vitest";
import { Ecn } from "../../src/base/datagrams.ts";
import { millis, seconds } from "../../src/base/time.ts";
import { relay, type Tamper } from "../../src/sim/index.ts";
import { LINK, type TransferOptions, transfer } from "./transfer.ts";

const CONGESTED = { ...LINK, queue: 200, ecnThreshold: 20 };
const BYTES = 4_000_000;

/** Runs a transfer and counts the datagrams by ECN mark as they arrive at the client. */
function run(options: Partial<TransferOptions> = {}) {
  const marks = { [Ecn.notEct]: 0, [Ecn.ect0]: 0, [Ecn.ect1]: 0, [Ecn.ce]: 0 };
  let dropped = 0;
  const result = transfer({
    seed: 11,
    bytes: BYTES,
    link: CONGESTED,
    maxVirtualTime: seconds(60),
    config: { ecn: true },
    capture: ({ what, datagram, direction }) => {
      if (what === "delivered" && direction === "backward") marks[datagram.ecn] += 1;
      if (what === "dropped") dropped += 1;
    },
    ...options,
  });
  expect(result.isIdentical).toBe(true);
  return { ...result, marks, dropped };
}

/** Changes the ECN mark of datagrams from the server in transit to the client. */
const remark =
  (change: (ecn: Ecn) => Ecn | "drop"): Tamper =>
  (datagram, direction) => {
    const ecn = direction === "backward" ? change(datagram.ecn) : datagram.ecn;
    return ecn === "drop" ? [] : [{ datagram: { ...datagram, ecn }, direction }];
  };

describe("a connection that may use ECN", () => {
  test("slows down on CE marks, before the queue overflows", () => {
    const { server, client, marks, dropped } = run();
    expect(server.route.ecn.state).toBe("capable");
    expect(client.route.ecn.state).toBe("capable");
    expect(marks[Ecn.ce]).toBeGreaterThan(0);
    expect(marks[Ecn.ect0]).toBeGreaterThan(1_000);
    // The same link without marks fills its queue of 200 and drops the excess.
    const unmarked = run({ config: { ecn: false } });
    expect(unmarked.marks).toMatchObject({ [Ecn.ect0]: 0, [Ecn.ce]: 0 });
    expect(dropped).toBe(0);
    expect(unmarked.dropped).toBeGreaterThan(0);
    expect(server.stats.packetsLost).toBe(0);
  });

  test.each([
    { type: "codel", ecn: true },
    { type: "red", minThreshold: 10, maxThreshold: 60, weight: 0.05, ecn: true },
  ] as const)("keeps the queue of $type short", (queue) => {
    const waits = (ecn: boolean) => {
      const sent = new Map<Uint8Array, number>();
      let longest = 0;
      const result = run({
        link: { ...LINK, queue: ecn ? queue : 400 },
        config: { ecn },
        capture: ({ what, datagram, direction, time }) => {
          if (direction !== "backward" || time < seconds(1)) return;
          if (what === "sent") sent.set(datagram.bytes, time);
          if (what === "carried") longest = Math.max(longest, time - (sent.get(datagram.bytes) ?? time));
        },
      });
      return { longest, server: result.server };
    };
    const marked = waits(true);
    expect(marked.server.route.ecn.state).toBe("capable");
    // 25 ms of propagation; a queue without marks grows until it overflows.
    expect(marked.longest).toBeLessThan(millis(80));
    expect(waits(false).longest).toBeGreaterThan(millis(100));
  });

  test("disables ECN if marks are erased in transit", () => {
    const { server, marks } = run({ middle: [relay(remark(() => Ecn.notEct))] });
    expect(server.route.ecn.state).toBe("failed");
    expect(marks).toMatchObject({ [Ecn.ect0]: 0, [Ecn.ce]: 0 });
  });

  test("disables ECN if ECT(0) becomes ECT(1)", () => {
    const { server } = run({ middle: [relay(remark((ecn) => (ecn === Ecn.ect0 ? Ecn.ect1 : ecn)))] });
    expect(server.route.ecn.state).toBe("failed");
  });

  test("gets through if marked datagrams are dropped", () => {
    const { server } = run({
      bytes: 100_000,
      link: { ...LINK, delay: millis(5) },
      middle: [relay(remark((ecn) => (ecn === Ecn.notEct ? ecn : "drop")))],
    });
    expect(server.route.ecn.state).toBe("failed");
  });

  test("gives the same bytes for the same seed", () => {
    expect(run().digest).toBe(run().digest);
  });
});
