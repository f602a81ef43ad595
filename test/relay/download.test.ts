/** Downloads through the UDP relay: real sockets, real time, bad links. Nothing about their duration is asserted. */

import { expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import { createClient } from "../../src/client/index.ts";
import { serve } from "../../src/edge/index.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import type { UdpRelayOptions } from "../../src/host/relay/options.ts";
import { startUdpRelay, type UdpRelay } from "../../src/host/relay/udp-relay.ts";

const content = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 + (i >> 8));

/** `onPiece` is called for each piece that arrives. */
async function download(
  options: Omit<UdpRelayOptions, "server">,
  onPiece?: (relay: UdpRelay, received: number) => void,
) {
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} },
    () => new Response(content),
  );
  const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert });
  try {
    await using relay = await startUdpRelay({ server: { host: "127.0.0.1", port: server.port }, ...options });
    const response = await client.fetch(`https://localhost:${relay.port}/`);
    const pieces: Uint8Array[] = [];
    let received = 0;
    for await (const piece of response.body!) {
      pieces.push(piece);
      received += piece.length;
      onPiece?.(relay, received);
    }
    expect(Buffer.compare(Buffer.concat(pieces), content)).toBe(0);
    return { up: relay.up, down: relay.down, rebindings: relay.rebindings };
  } finally {
    await client.close();
    await server.close({ timeout: 0 });
  }
}

test("survives loss by number, corruption, reordering and a full queue", async () => {
  const { up, down } = await download({
    up: { delay: millis(5), dropList: [8, [10, 12]], duplication: 0.1 },
    down: {
      delay: millis(5),
      rate: 40e6,
      queue: 20,
      dropList: [15, [30, 33]],
      corruption: 0.02,
      reordering: 0.05,
    },
  });
  expect(up.dropped["drop-list"]).toBe(4);
  expect(down.dropped["drop-list"]).toBe(5);
});

test("survives a NAT that changes the port again and again", async () => {
  // Not during the handshake, for which QUIC needs a stable address (RFC 9000 §9).
  let next = 50_000;
  const links = { up: { delay: millis(10) }, down: { delay: millis(10), rate: 10e6, queue: 50 } };
  const { rebindings } = await download(links, (relay, received) => {
    if (received < next) return;
    relay.rebind();
    next += 50_000;
  });
  expect(rebindings).toBeGreaterThanOrEqual(4);
});

test("survives an MTU that falls to 1280", async () => {
  const changes = [{ at: millis(0) as number as never, mtu: 1280 }];
  const { down } = await download({
    up: { delay: millis(5), changes },
    down: { delay: millis(5), rate: 20e6, queue: 100, changes },
  });
  expect(down.forwarded).toBeGreaterThan(content.length / 1280);
});
