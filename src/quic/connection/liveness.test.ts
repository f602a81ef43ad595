/** A client that waits for a response checks that its server is still there (RFC 9000 §10.1.2, §10.3). */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { Listener } from "../testing/listener.ts";
import { CLIENT_ADDRESS, Pair } from "../testing/pair.ts";

const staticSecret = new Uint8Array(32).fill(5);

/** A client with an open request, and a server that answers when told. */
function waiting() {
  const wire: { divert: ((datagram: Uint8Array) => void) | undefined } = { divert: undefined };
  const pair = new Pair({
    staticSecret,
    client: { keepAlive: seconds(15) },
    wire: (datagram, direction) => {
      if (wire.divert === undefined) return datagram;
      if (direction === "to-server") wire.divert(datagram);
      return undefined;
    },
  }).connect();
  pair.run(undefined, millis(500));
  const id = pair.connection.openStream("bidi")!;
  pair.connection.write(id, new Uint8Array(10), true);
  pair.run(undefined, millis(60));
  return { pair, wire, id };
}

const closed = (pair: Pair) => pair.clientEvents.find(({ type }) => type === "closed");

describe("a server restarted with its keys while a client waits", () => {
  test("is noticed within three probe timeouts and a round trip", () => {
    const { pair, wire } = waiting();
    const reborn = new Listener({ staticSecret, seed: 99 });
    const delay = millis(10);
    wire.divert = (datagram) => {
      reborn.now = pair.now;
      for (const { bytes } of reborn.deliver(datagram, CLIENT_ADDRESS)) pair.inject("to-client", bytes);
    };
    const begin = pair.now;
    const pto = pair.connection.probeTimeout;
    pair.run(() => closed(pair) !== undefined, seconds(20));
    expect(closed(pair)).toEqual({ type: "closed", reason: { type: "stateless-reset" } });
    expect(pair.now - begin).toBeLessThanOrEqual(3 * pto + 2 * delay);
  });
});

describe("a server that is gone while a client waits", () => {
  test("is reported as silent after six probe timeouts", () => {
    const { pair, wire } = waiting();
    wire.divert = () => {};
    const begin = pair.now;
    const pto = pair.connection.probeTimeout;
    pair.run(() => pair.clientEvents.some(({ type }) => type === "silence"), seconds(20));
    // The first PING, and two unanswered probes with backoff.
    expect(pair.now - begin).toBeLessThanOrEqual(7 * pto);
  });
});

describe("a slow response", () => {
  test("costs few PINGs, further and further apart up to the keep-alive interval", () => {
    const { pair } = waiting();
    const begin = pair.sentAt["to-server"].length;
    pair.run(undefined, seconds(120));
    const times = pair.sentAt["to-server"].slice(begin);
    expect(times.length).toBeGreaterThanOrEqual(10);
    expect(times.length).toBeLessThan(30);
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(seconds(16));
    expect(gaps.at(-1)).toBeGreaterThan(seconds(14));
    expect(pair.connection.isOpen).toBe(true);
  });

  test("that continues makes the client attentive again", () => {
    const { pair, id } = waiting();
    pair.run(undefined, seconds(60));
    pair.onEvent = (side, connection, event) => {
      if (side === "client" && event.type === "stream-readable") while (connection.read(id) !== undefined);
    };
    pair.peer!.write(id, new Uint8Array(100), false);
    pair.run(undefined, millis(60));
    const before = pair.sent["to-server"].length;
    pair.run(undefined, seconds(2));
    expect(pair.sent["to-server"].length - before).toBeGreaterThanOrEqual(3);
  });

  test("no PINGs are sent without an open request", () => {
    const { pair, id } = waiting();
    pair.peer!.write(id, new Uint8Array(0), true);
    pair.run(undefined, seconds(1));
    while (pair.connection.read(id) !== undefined);
    pair.run(undefined, seconds(1));
    const before = pair.sent["to-server"].length;
    pair.run(undefined, seconds(20));
    expect(pair.sent["to-server"].length).toBe(before);
  });
});
