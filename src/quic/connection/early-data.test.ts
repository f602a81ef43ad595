/** 0-RTT (RFC 9001 §4.6): data in the first flight, its limits, its rejection, and what it survives. */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, millis, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { keptSession, ticketPolicy } from "../testing/resumption.ts";
import type { QuicTraceEvent } from "../trace.ts";
import type { StreamId } from "../transport.ts";
import type { ConnectionLimits } from "./config.ts";

/** After the first connection, whose session `keptSession` returns. */
const LATER = 5_000_000 as Instant;

interface Run extends PairOptions {
  readonly payload?: Uint8Array;
  readonly context?: string;
}

/** A resuming connection, whose client writes its payload before anything was sent. */
function early({ payload = utf8("early request"), context, ...options }: Run = {}) {
  const sent: Extract<QuicTraceEvent, { type: "quic:packet-sent" }>[] = [];
  const pair = new Pair({
    start: LATER,
    seed: 5,
    ...options,
    clientTls: { session: keptSession(), earlyData: true, ...options.clientTls },
    serverTls: { tickets: ticketPolicy(context), ...options.serverTls },
    trace: (side, event, now) => {
      if (side === "client" && event.type === "quic:packet-sent") sent.push(event);
      options.trace?.(side, event, now);
    },
  });
  const received = new Map<StreamId, Uint8Array>();
  /** What the server has read by the time it completes the handshake. */
  let atCompletion = "";
  pair.onEvent = (side, connection, event) => {
    if (side === "server" && event.type === "stream-readable") {
      for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
        received.set(event.id, concat(received.get(event.id) ?? new Uint8Array(0), chunk.bytes));
        if (chunk.fin) connection.write(event.id, utf8("answer"), true);
        if (chunk.bytes.length === 0) break;
      }
    }
    if (side === "server" && event.type === "handshake-complete") {
      atCompletion = fromUtf8(concat(...received.values()));
    }
  };
  const stream = pair.connection.openStream("bidi");
  if (stream !== undefined) pair.connection.write(stream, payload, true);
  const isAnswered = (): boolean => {
    const chunk = stream === undefined ? undefined : pair.connection.read(stream);
    return chunk?.fin === true;
  };
  return {
    pair,
    stream,
    received,
    atCompletion: () => atCompletion,
    earlyPackets: () => sent.filter(({ level }) => level === EncryptionLevel.zeroRtt),
    /** Runs until the client has the answer. */
    finish: () => {
      let isDone = false;
      pair.run(() => (isDone ||= isAnswered()) && pair.peer!.isHandshakeComplete, seconds(30));
      expect(fromUtf8(received.get(stream!) ?? new Uint8Array(0))).toBe(fromUtf8(payload));
      return pair;
    },
  };
}

const typesOf = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type);
const outcomes = (pair: Pair) =>
  [pair.connection, pair.peer!].map((connection) => connection.handshakeFacts?.acceptedEarlyData);

describe("accepted early data", () => {
  test("reaches the server before its handshake is complete, in the client's first datagram", () => {
    const run = early();
    expect(run.pair.clientEvents).toEqual([]);
    run.finish();
    expect(run.atCompletion()).toBe("early request");
    expect(outcomes(run.pair)).toEqual([true, true]);
    expect(run.pair.connection.handshakeFacts).toMatchObject({ resumed: true });
    expect(run.earlyPackets()).toHaveLength(1);
    // The server answers with its first flight, one round trip after the first datagram.
    expect(typesOf(run.pair.clientEvents).slice(0, 2)).toEqual(["connected", "handshake-complete"]);
    expect(run.pair.clientEvents[0]).toEqual({ type: "connected", alpn: "test", isEarly: true });
    expect(typesOf(run.pair.serverEvents).slice(0, 2)).toEqual(["connected", "stream-opened"]);
    expect(typesOf(run.pair.clientEvents)).not.toContain("verify-certificate");
  });

  test("may fill many packets, up to the remembered limits", () => {
    const payload = new Uint8Array(40_000).fill(0x61);
    const run = early({ payload });
    run.finish();
    expect(outcomes(run.pair)).toEqual([true, true]);
    expect(run.earlyPackets().length).toBeGreaterThan(5);
  });

  test("is limited by what the server allowed in the first connection", () => {
    const limits: Partial<ConnectionLimits> = { initialMaxStreamsBidi: 2, initialMaxData: 1_000 };
    const session = keptSession({ server: { limits: limits as unknown as ConnectionLimits } });
    const run = early({ clientTls: { session }, payload: new Uint8Array(5_000).fill(1) });
    expect(run.pair.connection.openStream("bidi")).toBeDefined();
    expect(run.pair.connection.openStream("bidi")).toBeUndefined();
    run.pair.run(() => run.pair.sent["to-server"].length > 0, millis(1));
    const early0 = run.earlyPackets().reduce((sum, { size }) => sum + size, 0);
    expect(early0).toBeGreaterThan(1_000);
    expect(early0).toBeLessThan(1_200);
    run.finish();
  });

  test("is answered within the anti-amplification limit", () => {
    const run = early();
    run.pair.onEvent = (side, connection, event) => {
      if (side === "server" && event.type === "stream-opened") connection.write(event.id, new Uint8Array(50_000), true);
    };
    run.pair.run(() => false, millis(15));
    const sum = (datagrams: readonly Uint8Array[]) => datagrams.reduce((total, { length }) => total + length, 0);
    expect(sum(run.pair.sent["to-client"])).toBeLessThanOrEqual(3 * sum(run.pair.sent["to-server"]));
  });

  test("ends the connection if the server reduces a limit that it relied on (RFC 9000 §7.4.1)", () => {
    for (const limits of [{ initialMaxData: 1_000 }, { initialMaxStreamData: 100 }, { initialMaxStreamsUni: 1 }]) {
      const { pair } = early({ server: { limits: limits as unknown as ConnectionLimits } });
      pair.run(() => !pair.connection.isOpen);
      expect(pair.clientEvents.at(-1)).toMatchObject({ type: "closed", reason: { type: "local", code: 0x0a } });
    }
  });

  test("goes on under higher limits", () => {
    const limits = { initialMaxData: 4_000_000, initialMaxStreamsBidi: 5_000 } as ConnectionLimits;
    const run = early({ server: { limits: limits as unknown as ConnectionLimits } });
    run.finish();
    expect(outcomes(run.pair)).toEqual([true, true]);
  });
});

describe("rejected early data", () => {
  test("is sent again in 1-RTT packets, and read once", () => {
    const run = early({ context: "changed" });
    run.finish();
    expect(run.atCompletion()).toBe("");
    expect(outcomes(run.pair)).toEqual([false, false]);
    expect(run.pair.connection.handshakeFacts!.resumed).toBe(true);
    expect(typesOf(run.pair.serverEvents)[0]).toBe("connected");
    expect(run.pair.serverEvents[0]).not.toHaveProperty("isEarly");
    expect(run.pair.clientEvents).toContainEqual({ type: "handshake-complete", acceptedEarlyData: false });
  });

  test("is not counted as lost", () => {
    const run = early({ context: "changed", payload: new Uint8Array(20_000).fill(0x62) });
    run.finish();
    expect(run.pair.connection.stats.packetsLost).toBe(0);
  });

  test("is sent again after a full handshake, with a certificate", () => {
    const run = early({ serverTls: { tickets: undefined } });
    run.finish();
    expect(run.pair.connection.handshakeFacts!.resumed).toBe(false);
    expect(typesOf(run.pair.clientEvents)).toContain("verify-certificate");
  });

  test("is sent again after a HelloRetryRequest", () => {
    const run = early({ serverTls: { tickets: ticketPolicy(), groups: ["secp256r1"] } });
    run.finish();
    expect(outcomes(run.pair)).toEqual([false, false]);
    expect(run.pair.connection.handshakeFacts).toMatchObject({ resumed: true, group: "secp256r1" });
  });

  test("is sent again under lower limits than those it was sent under", () => {
    const limits = { initialMaxStreamData: 300, initialMaxData: 700 } as ConnectionLimits;
    const run = early({ context: "changed", server: { limits }, payload: new Uint8Array(9_000).fill(0x63) });
    run.finish();
    expect(run.pair.serverEvents.some(({ type }) => type === "closed")).toBe(false);
  });

  test("carries over a stream that was reset", () => {
    const run = early({ context: "changed" });
    const doomed = run.pair.connection.openStream("bidi")!;
    run.pair.connection.write(doomed, utf8("unwanted"), false);
    run.pair.connection.reset(doomed, 7);
    run.finish();
    run.pair.run();
    expect(run.pair.serverEvents).toContainEqual({ type: "stream-reset", id: doomed, code: 7 });
  });

  test("ends the connection if the server allows fewer streams than are open", () => {
    const run = early({ context: "changed", server: { limits: { initialMaxStreamsBidi: 1 } as ConnectionLimits } });
    run.pair.connection.openStream("bidi");
    run.pair.run(() => !run.pair.connection.isOpen);
    expect(run.pair.clientEvents.at(-1)).toMatchObject({ type: "closed", reason: { phrase: /fewer streams/ } });
  });

  test("ends the connection if the server selects another protocol", () => {
    const run = early({ clientTls: { alpn: ["test", "other"] }, serverTls: { alpn: ["other"] } });
    run.pair.run(() => !run.pair.connection.isOpen);
    expect(run.pair.clientEvents.at(-1)).toMatchObject({ type: "closed", reason: { phrase: /selected other/ } });
  });
});

describe("early data survives", () => {
  test("a Retry, after which it is sent again (RFC 9000 §17.2.5.3)", () => {
    const run = early({ policy: { retry: "always" } });
    run.finish();
    expect(run.pair.connection.handshakeFacts!.usedRetry).toBe(true);
    expect(outcomes(run.pair)).toEqual([true, true]);
    expect(run.atCompletion()).toBe("early request");
    const numbers = run.earlyPackets().map(({ packetNumber }) => packetNumber);
    expect(numbers).toHaveLength(2);
    expect(numbers[1]).toBeGreaterThan(numbers[0]!);
  });

  test("the loss of the first datagram", () => {
    const run = early({
      wire: (datagram, direction, index) => (direction === "to-server" && index === 0 ? undefined : datagram),
    });
    run.finish();
    expect(run.atCompletion()).toBe("early request");
  });

  test("arriving before the ClientHello", () => {
    // The first flight is two datagrams, of which the second overtakes the first.
    let held: Uint8Array | undefined;
    const run = early({
      payload: new Uint8Array(1_500).fill(0x64),
      wire: (datagram, direction, index) => {
        if (direction === "to-client" || index > 0) return datagram;
        held = datagram;
        return undefined;
      },
    });
    run.pair.run(() => run.pair.sent["to-server"].length >= 2, millis(1));
    run.pair.run(() => false, millis(12));
    run.pair.inject("to-server", held!);
    run.finish();
  });

  test("an identity that is selected later: it is buffered until then", () => {
    const { selectIdentity } = { selectIdentity: () => "later" as const };
    const run = early({ serverTls: { selectIdentity, tickets: ticketPolicy() } });
    run.pair.run(() => run.pair.serverEvents.some(({ type }) => type === "select-identity"));
    run.pair.run(() => false, millis(30));
    expect(run.received.size).toBe(0);
    run.pair.peer!.identitySelected(undefined, run.pair.now);
    run.pair.run(() => !run.pair.connection.isOpen);
    expect(run.received.size).toBe(0);
  });

  test("any losses in both directions, and arrives once", () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const rng = new SeededRng(seed);
      const context = seed % 3 === 0 ? "changed" : undefined;
      const run = early({
        seed,
        payload: new Uint8Array(6_000).fill(seed),
        client: { handshakeTimeout: seconds(30) },
        server: { handshakeTimeout: seconds(30) },
        ...(context === undefined ? {} : { context }),
        ...(seed % 4 === 0 ? { policy: { retry: "always" as const } } : {}),
        wire: (datagram, _direction, index) => (index < 12 && rng.uint32() % 100 < 30 ? undefined : datagram),
      });
      run.finish();
    }
  });
});

test("a replayed first flight is not read by a server that shares the register", () => {
  const tickets = ticketPolicy();
  const run = early({ serverTls: { tickets } });
  run.finish();
  const replayed = new Pair({
    start: LATER,
    seed: 99,
    serverTls: { tickets },
    wire: (_, direction) => (direction === "to-server" ? undefined : _),
  });
  const flight = run.pair.sent["to-server"].slice(0, 1);
  for (const datagram of flight) replayed.inject("to-server", datagram);
  replayed.run(() => false, seconds(1));
  expect(replayed.peer!.handshakeFacts).toBeUndefined();
  expect(typesOf(replayed.serverEvents)).toEqual([]);
  // Without the register, it is: this shows that the test would notice.
  const careless = new Pair({
    start: LATER,
    seed: 99,
    serverTls: { tickets: ticketPolicy() },
    wire: (datagram, direction) => (direction === "to-server" ? undefined : datagram),
  });
  for (const datagram of flight) careless.inject("to-server", datagram);
  careless.run(() => false, seconds(1));
  expect(typesOf(careless.serverEvents)).toContain("stream-readable");
});
