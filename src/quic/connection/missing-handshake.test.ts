import { describe, expect, test } from "vitest";
import { after, type Instant, millis, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { QuicTraceEvent } from "../index.ts";
import { parsePacketHeader } from "../packet/header.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";

interface Seen {
  readonly side: "client" | "server";
  readonly event: QuicTraceEvent;
  readonly now: Instant;
}

function watched(options: PairOptions): { readonly pair: Pair; readonly seen: readonly Seen[] } {
  const seen: Seen[] = [];
  // Packets can only be read during the call.
  const pair = new Pair({ ...options, trace: (side, event, now) => seen.push({ side, event: { ...event }, now }) });
  return { pair, seen };
}

const DELAY = millis(15);
const ROUND_TRIP = 2 * DELAY;

const timesOf = (seen: readonly Seen[], side: "client" | "server", matches: (event: QuicTraceEvent) => boolean) =>
  seen.filter((each) => each.side === side && matches(each.event)).map(({ now }) => now);

const isFlight = (event: QuicTraceEvent): boolean =>
  event.type === "quic:packet-sent" &&
  event.level === EncryptionLevel.handshake &&
  event.frames.some(({ type }) => type === "crypto");

describe("handshake data that the peer lacks is sent before the probe timeout (RFC 9002 §6.2.3)", () => {
  test("by a server whose client repeats its ClientHello", () => {
    // Without the first one, the probe timeouts of both sides are at different times.
    const { pair, seen } = watched({
      delay: DELAY,
      wire: (datagram, direction, index) =>
        direction === "to-server" ? (index > 0 ? datagram : undefined) : pair.now < lossEnd ? undefined : datagram,
    });
    const lossEnd = after(pair.now, millis(5_100));
    pair.run(() => pair.connection.isHandshakeComplete);
    const probe = timesOf(seen, "client", ({ type }) => type === "quic:probe-timeout").find((at) => at > lossEnd);
    expect(pair.now).toBe(probe! + ROUND_TRIP);
  });

  test("at most ten times, however often the client repeats them", () => {
    const patient = { handshakeTimeout: seconds(100_000), maxIdleTimeout: seconds(100_000) };
    const { pair, seen } = watched({
      delay: DELAY,
      client: patient,
      server: patient,
      // Without the first one, the probe timeouts of both sides are at different times.
      wire: (datagram, direction, index) => (direction === "to-server" && index > 0 ? datagram : undefined),
    });
    pair.run(() => false, seconds(50_000));
    const timeouts = timesOf(seen, "server", ({ type }) => type === "quic:probe-timeout").length;
    const flights = new Set(timesOf(seen, "server", isFlight)).size;
    expect(flights - 1 - timeouts).toBe(10);
  });

  test("by a client that gets Handshake packets without their keys", () => {
    const { pair } = watched({
      delay: DELAY,
      wire: (datagram, direction, index) => {
        if (direction === "to-server" || index > 0) return datagram;
        return datagram.subarray(parsePacketHeader(datagram, 0, datagram.length, 0, true)!.end);
      },
    });
    const start = pair.now;
    pair.run(() => pair.connection.isHandshakeComplete);
    expect(pair.now - start).toBe(2 * ROUND_TRIP);
  });

  test("HANDSHAKE_DONE, by a server whose client repeats Handshake packets", () => {
    const lost = new Set<number>();
    const { pair, seen } = watched({
      delay: DELAY,
      wire: (datagram, direction, index) => {
        const isLost = direction === "to-client" && index > 0 && pair.now - start < millis(100);
        if (isLost) lost.add(index);
        return isLost ? undefined : datagram;
      },
    });
    const start = pair.now;
    const isConfirmed = (event: QuicTraceEvent): boolean =>
      event.type === "quic:connection-state-updated" && event.state === "handshake-confirmed";
    pair.run(() => timesOf(seen, "client", isConfirmed).length > 0);
    expect(lost.size).toBeGreaterThan(0);
    const [probe] = timesOf(seen, "client", ({ type }) => type === "quic:probe-timeout");
    expect(timesOf(seen, "client", isConfirmed)).toEqual([probe! + ROUND_TRIP]);
  });

  test("never to a client whose packets are in order", () => {
    const { pair, seen } = watched({ delay: DELAY });
    pair.connect();
    expect(timesOf(seen, "server", isFlight)).toHaveLength(1);
  });
});

test("an acknowledged 1-RTT packet confirms the handshake without HANDSHAKE_DONE (RFC 9001 §4.1.2)", () => {
  const { pair, seen } = watched({
    delay: DELAY,
    // The flight with HANDSHAKE_DONE is lost, and so are its repetitions.
    wire: (datagram, direction, index) =>
      direction === "to-client" && index > 0 && datagram.length > 100 ? undefined : datagram,
  });
  pair.connect();
  pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(100), true);
  pair.run(() => false, millis(100));
  const isConfirmed = (event: QuicTraceEvent): boolean =>
    event.type === "quic:connection-state-updated" && event.state === "handshake-confirmed";
  expect(timesOf(seen, "client", isConfirmed)).toHaveLength(1);
  const received = seen.flatMap(({ side, event }) =>
    side === "client" && event.type === "quic:packet-received" ? event.frames.map(({ type }) => type) : [],
  );
  expect(received).not.toContain("handshake-done");
});
