/** Keys may hold memory outside of JavaScript: each is freed, and none is used afterwards. */

import { describe, expect, test } from "vitest";
import { type Instant, seconds } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { keptSession, ticketPolicy } from "../testing/resumption.ts";
import { VERSION_1, VERSION_2 } from "../versions/index.ts";

/** An engine that knows which keys exist, and whose keys cannot be used once they are freed. */
function countingEngine(): { engine: CryptoEngine; live: Set<object>; created: () => number } {
  const live = new Set<object>();
  let created = 0;
  function counted<Key extends { free(): void }>(key: Key): Key {
    created += 1;
    live.add(key);
    const check = (): void => {
      if (!live.has(key)) throw new Error("a freed key is used");
    };
    return new Proxy(key, {
      get: (target, name) => {
        if (name === "free") return () => void live.delete(key);
        const value = target[name as keyof Key] as (...given: unknown[]) => unknown;
        return (...given: unknown[]) => {
          check();
          return value.apply(target, given);
        };
      },
    });
  }
  const engine: CryptoEngine = {
    ...portableEngine,
    createPacketKey: (...given) => counted(portableEngine.createPacketKey(...given)),
    createHeaderKey: (...given) => counted(portableEngine.createHeaderKey(...given)),
  };
  return { engine, live, created: () => created };
}

const later = seconds(60);

describe("every key is freed", () => {
  test.each<[string, PairOptions]>([
    ["after a handshake", {}],
    ["after a Retry", { policy: { retry: "always" } }],
    ["after a change of version", { version: VERSION_1, client: { versions: [VERSION_2, VERSION_1] } }],
    ["after a lossy handshake", { wire: (datagram, _direction, index) => (index % 3 === 1 ? undefined : datagram) }],
  ])("%s", (_name, options) => {
    const { engine, live } = countingEngine();
    const pair = new Pair({ ...options, engine }).connect();
    pair.run(() => pair.connection.isHandshakeConfirmed && pair.peer!.isHandshakeConfirmed, later);
    // 1-RTT: one packet key to read, one to write, and two header keys on each side.
    expect(live.size).toBe(8);
    pair.connection.close(0, "");
    pair.run(() => pair.client.connectionCount + pair.server.connectionCount === 0, later);
    expect(live.size).toBe(0);
  });

  test.each([
    ["accepted", undefined],
    ["rejected", "another context"],
  ])("after early data that is %s", (outcome, context) => {
    const { engine, live } = countingEngine();
    const pair = new Pair({
      engine,
      start: seconds(5) as number as Instant,
      clientTls: { session: keptSession(), earlyData: true },
      serverTls: { tickets: ticketPolicy(context) },
    });
    const stream = pair.connection.openStream("bidi")!;
    pair.connection.write(stream, new Uint8Array(3_000), true);
    pair.run(() => pair.connection.isHandshakeConfirmed && pair.peer!.isHandshakeConfirmed, later);
    expect(pair.connection.handshakeFacts?.acceptedEarlyData).toBe(outcome === "accepted");
    // Both sides may still have keys for 0-RTT packets.
    expect(live.size).toBeLessThanOrEqual(14);
    pair.connection.close(0, "");
    pair.run(() => pair.client.connectionCount + pair.server.connectionCount === 0, later);
    expect(live.size).toBe(0);
  });

  test("after key updates by both sides", () => {
    const { engine, live, created } = countingEngine();
    const pair = new Pair({ engine }).connect();
    for (const updates of [1, 2, 3, 4, 5]) {
      const side = updates % 2 === 0 ? pair.connection : pair.peer!;
      pair.run(() => {
        pair.connection.write(pair.connection.openStream("uni")!, new Uint8Array(10), true);
        return side.updateKeys();
      }, later);
      pair.run(() => pair.connection.keyGeneration === updates && pair.peer!.keyGeneration === updates, later);
      // The previous read keys stay for a while (RFC 9001 §6.5).
      expect(live.size).toBeLessThanOrEqual(12);
    }
    expect(created()).toBeGreaterThanOrEqual(10 + 5 * 4);
    pair.connection.close(0, "");
    pair.run(() => pair.client.connectionCount + pair.server.connectionCount === 0, later);
    expect(live.size).toBe(0);
  });

  test("when an endpoint is given up", () => {
    const { engine, live } = countingEngine();
    const pair = new Pair({ engine }).connect();
    expect(live.size).toBeGreaterThan(0);
    for (const endpoint of [pair.client, pair.server]) endpoint.free();
    expect(live.size).toBe(0);
  });
});
