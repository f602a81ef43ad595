/** A client notices a server that no longer answers (case 08 a). */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { pureEngine } from "../../crypto/pure/index.ts";
import type { ConnectionEvent } from "../index.ts";
import { Pair } from "../testing/pair.ts";

const silences = (events: readonly ConnectionEvent[]): number[] =>
  events.flatMap((event) => (event.type === "silence" ? [event.probeTimeouts] : []));

describe.each([portableEngine, pureEngine])("on the $name engine", (engine) => {
  function connected() {
    const wire = { isCut: false };
    const pair = new Pair({ engine, wire: (datagram) => (wire.isCut ? undefined : datagram) }).connect();
    pair.run(undefined, millis(500));
    const ask = () => pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(100), true);
    return { pair, wire, ask };
  }

  test("two probe timeouts without a response are reported as silence, and so is each later one", () => {
    const { pair, wire, ask } = connected();
    wire.isCut = true;
    ask();
    const begin = pair.now;
    pair.run(() => silences(pair.clientEvents).length > 0);
    // The second wait is twice as long as the first.
    expect(pair.now - begin).toBeGreaterThanOrEqual(3 * pair.connection.probeTimeout);
    expect(pair.now - begin).toBeLessThan(4 * pair.connection.probeTimeout);
    pair.run(() => silences(pair.clientEvents).length === 3);
    expect(silences(pair.clientEvents)).toEqual([2, 3, 4]);
    expect(silences(pair.serverEvents)).toEqual([]);
  });

  test("a packet ends the silence", () => {
    const { pair, wire, ask } = connected();
    wire.isCut = true;
    pair.onEvent = (_side, _connection, { type }) => {
      // The probes sent with this event arrive.
      if (type === "silence") wire.isCut = false;
    };
    ask();
    pair.run(() => silences(pair.clientEvents).length > 1, seconds(5));
    expect(silences(pair.clientEvents)).toEqual([2, 0]);
    pair.run(undefined, seconds(5));
    expect([pair.connection.isOpen, silences(pair.clientEvents)]).toEqual([true, [2, 0]]);
  });

  test("a lost packet is not silence", () => {
    const { pair, wire, ask } = connected();
    wire.isCut = true;
    ask();
    pair.run(undefined, millis(1));
    wire.isCut = false;
    pair.run(undefined, seconds(1));
    expect(pair.connection.stats.probeTimeouts).toBeGreaterThan(0);
    expect(silences(pair.clientEvents)).toEqual([]);
  });

  test("a connection is abandoned if the peer does not answer a last probe, and kept if it does", () => {
    for (const answers of [false, true]) {
      const { pair, wire, ask } = connected();
      wire.isCut = true;
      ask();
      pair.run(() => silences(pair.clientEvents).length > 0);
      wire.isCut = !answers;
      const begin = pair.now;
      pair.connection.expectAnswer(pair.now);
      pair.run(() => !pair.connection.isOpen || silences(pair.clientEvents).at(-1) === 0, seconds(20));
      expect(pair.connection.isOpen).toBe(answers);
      if (answers) continue;
      expect(pair.now - begin).toBeLessThanOrEqual(3 * pair.connection.probeTimeout);
      expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "unanswered" } });
    }
  });

  test("a connection with a peer that is not silent is kept", () => {
    const { pair, wire } = connected();
    pair.connection.expectAnswer(pair.now);
    wire.isCut = true;
    pair.run(undefined, seconds(5));
    expect(pair.connection.isOpen).toBe(true);
  });
});
