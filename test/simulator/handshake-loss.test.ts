/** Handshakes on a link that loses 30 % in each direction: as slow as the losses make them, and never slower. */

import { describe, expect, test } from "vitest";
import { type Instant, seconds } from "../../src/base/time.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { scenarios } from "../../src/sim/index.ts";
import { runCase } from "./interop-runner/run.ts";

/** When the client has its file. */
function completion(seed: number): Instant {
  let complete = 0 as Instant;
  runCase(
    {
      connections: [[{ path: "/0-1000", size: 1000 }]],
      link: scenarios.dropRate({ rate: 0.3 }),
      protocol: "h3",
      timeout: seconds(600),
      config: { maxIdleTimeout: seconds(300), handshakeTimeout: seconds(600) },
      trace: (_, role) => (event, now) => {
        const isClosing = event.type === "quic:connection-state-updated" && event.state === "closing";
        if (role === "client" && isClosing) complete = now;
      },
    },
    portableEngine,
    seed,
  );
  return complete;
}

describe("30 % of the packets are lost in each direction", () => {
  // Each of them took longer than 10 s while handshake data waited for a probe timeout that had doubled several times, or
  // while a probe was an empty PING.
  test.each([536, 833, 2344, 3287, 9710])("seed %d has its file within 10 s", (seed) => {
    expect(completion(seed)).toBeLessThan(seconds(10));
  });

  test("the client waits 7 s if its first three ClientHellos are lost, and nothing in 200 runs takes 8 s", () => {
    let longest = 0;
    for (let seed = 0; seed < 200; seed += 1) longest = Math.max(longest, completion(seed));
    expect(longest).toBeLessThan(seconds(8));
  });
});
