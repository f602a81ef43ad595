import { describe, expect, test } from "vitest";
import { type Instant, millis, seconds } from "../../base/time.ts";
import { toHex } from "../../wire/hex.ts";
import { DEFAULT_DATAGRAM_LIMITS } from "../datagram/limits.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import type { QuicTraceEvent } from "../trace.ts";
import { DEFAULT_LIMITS } from "./config.ts";

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

  test("report the loss detection timer: set, then expired, cancelled or set again", () => {
    let isLossy = false;
    const events: QuicTraceEvent[] = [];
    const pair = new Pair({
      trace: (side, event) => {
        if (side === "client") events.push(event);
      },
      wire: (datagram, direction) => (isLossy && direction === "to-server" ? undefined : datagram),
    }).connect();
    const { connection } = pair;
    const id = connection.openStream("bidi")!;
    const write = (lossy: boolean, wait: number): void => {
      isLossy = lossy;
      connection.write(id, new Uint8Array(10), false);
      pair.run(undefined, millis(wait));
    };
    // The second packet reveals the loss of the first. The third is sent again after a probe timeout.
    write(true, 1);
    write(false, 300);
    write(true, 400);
    isLossy = false;
    pair.run(undefined, millis(400));
    connection.close(0, "");
    pair.run(undefined, seconds(2));
    const timers = events.filter((event) => event.type === "quic:timer-updated");
    let running: string | undefined;
    for (const { timer, space, state, delay } of timers) {
      const name = `${timer} ${space}`;
      if (state === "set") expect([undefined, name]).toContain(running);
      else expect(running).toBe(name);
      running = state === "set" ? name : undefined;
      if (state === "set") expect(delay).toBeGreaterThan(0);
      if (state === "expired") expect(delay).toBe(0);
    }
    // The end of the connection cancels it.
    expect(running).toBeUndefined();
    expect(timers[0]).toMatchObject({ timer: "pto", space: 0, state: "set", delay: 999_000 });
    const expired = timers.filter(({ state }) => state === "expired").map(({ timer }) => timer);
    const probes = events.filter(({ type }) => type === "quic:probe-timeout").length;
    expect(expired.filter((timer) => timer === "pto")).toHaveLength(probes);
    expect(probes).toBeGreaterThan(0);
    expect(expired[0]).toBe("ack");
  });

  test("report what holds back data", () => {
    const events: QuicTraceEvent[] = [];
    const pair = new Pair({
      trace: (side, event) => {
        if (side === "client") events.push(event);
      },
      server: { datagrams: DEFAULT_DATAGRAM_LIMITS },
      client: { datagrams: DEFAULT_DATAGRAM_LIMITS },
    }).connect();
    const { connection } = pair;
    const id = connection.openStream("bidi")!;
    const flow = connection.openDatagramFlow();
    const reasons = (type: "connection" | "datagram") =>
      events.flatMap((event) =>
        event.type === `quic:${type}-data-blocked-updated` && "reason" in event ? [event.reason] : [],
      );
    // More than the congestion window, and than the server reads of the stream.
    connection.write(id, new Uint8Array(4_000_000), false);
    for (let count = 0; count < 20; count += 1) flow.send(new Uint8Array(1_000));
    pair.run(undefined, seconds(5));
    expect(reasons("connection")[0]).toMatch(/^(?:pacing|congestion-control)$/);
    expect(reasons("datagram").at(0)).toMatch(/^(?:pacing|congestion-control)$/);
    expect(reasons("datagram").at(-1)).toBeUndefined();
    const ofStream = () =>
      events.flatMap((event) =>
        event.type === "quic:stream-data-blocked-updated" ? [[event.id, event.isBlocked]] : [],
      );
    expect(ofStream()).toEqual([[id, true]]);
    while (pair.peer!.read(id) !== undefined);
    pair.run(undefined, seconds(1));
    expect(ofStream()[1]).toEqual([id, false]);
    connection.reset(id, 0);
    pair.run(undefined, seconds(1));
    expect(ofStream().at(-1)).toEqual([id, false]);
    expect(reasons("connection").at(-1)).toBeUndefined();
  });

  test("report a lack of connection credit and of streams", () => {
    const reasons: unknown[] = [];
    const pair = new Pair({
      trace: (side, event) => {
        if (side === "client" && event.type === "quic:connection-data-blocked-updated") reasons.push(event.reason);
      },
      server: { limits: { ...DEFAULT_LIMITS, initialMaxData: 10_000, maxConnectionWindow: 10_000 } },
    }).connect();
    const { connection } = pair;
    const first = connection.openStream("bidi")!;
    connection.write(first, new Uint8Array(30_000), true);
    pair.run(undefined, seconds(2));
    expect(reasons.at(-1)).toBe("connection-flow-control");
    connection.reset(first, 0);
    while (connection.openStream("uni") !== undefined);
    pair.run(undefined, seconds(2));
    expect(reasons.at(-1)).toBe("stream-id");
  });

  test("parse the frames of a packet only for a listener that reads them", () => {
    let packets = 0;
    new Pair({
      trace: (_side, event) => {
        if (event.type !== "quic:packet-sent" && event.type !== "quic:packet-received") return;
        packets += 1;
        for (const name of ["header", "frames"]) {
          expect(Object.getOwnPropertyDescriptor(event, name)?.get, name).toBeDefined();
        }
      },
    }).connect();
    expect(packets).toBeGreaterThan(5);
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
