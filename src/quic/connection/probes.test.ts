import { describe, expect, test } from "vitest";
import { millis } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { QuicTraceEvent } from "../index.ts";
import { Pair } from "../testing/pair.ts";
import type { StreamId } from "../transport.ts";

const DELAY = millis(10);

/** A connection whose client's datagrams are lost while `isLost` says so. */
function connected(isLost: (index: number) => boolean) {
  const timeouts: number[] = [];
  const readable: StreamId[] = [];
  let first = Number.POSITIVE_INFINITY;
  const pair: Pair = new Pair({
    delay: DELAY,
    trace: (side, event: QuicTraceEvent, now) => {
      if (side === "client" && event.type === "quic:probe-timeout") timeouts.push(now);
    },
    wire: (datagram, direction, index) => (direction === "to-server" && isLost(index - first) ? undefined : datagram),
  });
  pair.connect();
  pair.run(() => false, millis(1_000));
  first = pair.sent["to-server"].length;
  pair.onEvent = (side, _, event) => {
    if (side === "server" && event.type === "stream-readable") readable.push(event.id);
  };
  const write = (): StreamId => {
    const id = pair.connection.openStream("bidi")!;
    pair.connection.write(id, new Uint8Array(100), true);
    pair.run(() => false, millis(1));
    return id;
  };
  return { pair, timeouts, readable, write };
}

describe("two probes (RFC 9002 §6.2.4)", () => {
  test("carry the contents of all packets in flight, if they fit", () => {
    const { pair, timeouts, readable, write } = connected((index) => index >= 0 && index < 3);
    const ids = [write(), write(), write()];
    pair.run(() => readable.length === 3);
    expect(readable.toSorted()).toEqual(ids);
    expect(pair.now).toBe(timeouts[0]! + DELAY);
  });

  test("carry the same if there is nothing else, since either may be lost", () => {
    const { pair, timeouts, readable, write } = connected((index) => index >= 0 && index < 2);
    const id = write();
    pair.run(() => readable.length > 0);
    expect(readable).toEqual([id]);
    expect(pair.now).toBe(timeouts[0]! + DELAY);
  });

  test("do not repeat what has arrived in another copy", () => {
    const sent: string[] = [];
    let isAcknowledged = false;
    const pair: Pair = new Pair({
      delay: DELAY,
      trace: (side, event) => {
        if (side !== "server") return;
        if (event.type === "quic:packet-received" && event.level === EncryptionLevel.oneRtt) {
          isAcknowledged ||= event.frames.some(({ type }) => type === "ack");
        }
        if (event.type !== "quic:packet-sent" || !isAcknowledged) return;
        sent.push(...event.frames.map(({ type }) => type));
      },
      // The first flight of 1-RTT packets is lost.
      wire: (datagram, direction, index) =>
        direction === "to-server" || index === 0 || pair.now > start + millis(30) ? datagram : undefined,
    });
    const start = pair.now;
    pair.connect();
    pair.run(() => false, millis(10_000));
    expect(isAcknowledged).toBe(true);
    for (const type of ["handshake-done", "new-connection-id"] as const) expect(sent).not.toContain(type);
  });

  test("of 1-RTT packets repeat the acknowledgement, which may be lost too", () => {
    const probes: string[][] = [];
    let isLost = false;
    const pair: Pair = new Pair({
      delay: DELAY,
      trace: (side, event) => {
        if (side === "client" && event.type === "quic:packet-sent" && isLost)
          probes.push(event.frames.map((f) => f.type));
      },
      wire: (datagram, direction) => (direction === "to-server" && isLost ? undefined : datagram),
    });
    pair.connect();
    pair.run(() => false, millis(1_000));
    isLost = true;
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(100), true);
    pair.run(() => probes.length === 3, millis(2_000));
    const [first, ...others] = probes;
    expect(first).toEqual(["stream"]);
    for (const types of others) expect(types).toEqual(["ack", "stream"]);
  });
});
