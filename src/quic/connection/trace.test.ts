import { describe, expect, test } from "vitest";
import { type Instant, millis, seconds } from "../../base/time.ts";
import { toHex } from "../../wire/hex.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import type { QuicTraceEvent } from "../trace.ts";

type Of<Type> = Extract<QuicTraceEvent, { type: Type }>;

/** Traces one transfer that ends with a close. */
function traced(options: PairOptions = {}) {
  const events: { readonly side: string; readonly event: QuicTraceEvent; readonly at: Instant }[] = [];
  const pair = new Pair({
    // Views are only valid during the call, so events are copied.
    trace: (side, event, at) => events.push({ side, event: structuredClone(event), at }),
    ...options,
  }).connect();
  let received = 0;
  pair.onEvent = (side, connection, event) => {
    if (side !== "server" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      received += chunk.bytes.length;
    }
  };
  pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(20_000), true);
  pair.run(() => received === 20_000, seconds(2));
  pair.run(undefined, millis(200));
  pair.connection.close(7, "done");
  pair.run(undefined, seconds(5));
  const of = <Type extends QuicTraceEvent["type"]>(side: string, type: Type): Of<Type>[] =>
    events.flatMap((entry) => (entry.side === side && entry.event.type === type ? [entry.event as Of<Type>] : []));
  return { pair, events, of };
}

describe("trace events", () => {
  test("cover the life of a connection, on both sides", () => {
    const { of } = traced();
    expect(of("client", "quic:connection-started")).toMatchObject([{ role: "client", version: 1 }]);
    for (const side of ["client", "server"]) {
      expect(of(side, "quic:parameters-set")[0]!.parameters.maxUdpPayloadSize).toBe(65_527);
      expect(of(side, "quic:key-discarded").map(({ level }) => level)).toEqual([0, 2]);
      expect(of(side, "quic:connection-state-updated").map(({ state }) => state)).toEqual([
        "handshake-complete",
        "handshake-confirmed",
        side === "client" ? "closing" : "draining",
      ]);
    }
    expect(of("server", "quic:connection-closed")).toMatchObject([
      { reason: { type: "peer", layer: "application", code: 7, phrase: "done" } },
    ]);
  });

  test("packets received by one side match those sent by the other, frame by frame", () => {
    const { of } = traced();
    for (const [from, to] of [
      ["client", "server"],
      ["server", "client"],
    ] as const) {
      const sent = new Map(
        of(from, "quic:packet-sent").map((packet) => [`${packet.level} ${packet.packetNumber}`, packet]),
      );
      const received = of(to, "quic:packet-received");
      expect(received.length).toBeGreaterThan(5);
      for (const { level, packetNumber, size, frames, pathId } of received) {
        const own = sent.get(`${level} ${packetNumber}`)!;
        expect([own.size, own.pathId]).toEqual([size, pathId]);
        expect(frames).toEqual(own.frames);
      }
    }
  });

  test("report losses, probes and recovery metrics", () => {
    let seen = 0;
    const { of } = traced({
      wire: (datagram, direction) => {
        if (direction === "to-server" && datagram.length > 1_100) seen += 1;
        // One of the datagrams of the transfer.
        return direction === "to-server" && seen === 8 ? undefined : datagram;
      },
    });
    expect(of("client", "quic:packet-lost").length).toBeGreaterThan(0);
    const metrics = of("client", "quic:recovery-metrics-updated");
    expect(metrics[0]).toMatchObject({ smoothedRtt: 20_000, minRtt: 20_000, ssthresh: Number.POSITIVE_INFINITY });
    expect(metrics.at(-1)!.ssthresh).toBeLessThan(100_000);
  });

  test("are in chronological order on each side, and do not change behavior", () => {
    const { pair, events } = traced();
    for (const side of ["client", "server"]) {
      const times = events.filter((entry) => entry.side === side).map(({ at }) => at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
    const quiet = traced({ trace: undefined as never }).pair;
    for (const direction of ["to-server", "to-client"] as const) {
      expect(quiet.sent[direction].map(toHex)).toEqual(pair.sent[direction].map(toHex));
    }
  });
});
