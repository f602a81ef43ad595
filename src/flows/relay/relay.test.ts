/** What passes through relays in both directions, what a plug-in may do, and what happens when one fails. */

import { describe, expect, test } from "vitest";
import { after as inTime, micros, millis } from "../../base/time.ts";
import { concat, equalBytes, utf8 } from "../../wire/text.ts";
import { ChainDestination, type ChainDestinationEvent } from "../chain/destination.ts";
import { ChainOrigin, type ChainOriginEvent } from "../chain/origin.ts";
import { MAX_FLOWS } from "../session/limits.ts";
import { BareNode, Exchange } from "../testing/exchange.ts";
import type { ChooseProcessor } from "./processor.ts";
import { FlowRelay } from "./relay.ts";

const KEY = "00112233445566aa";

interface Net {
  readonly exchange: Exchange;
  readonly relays: Readonly<Record<string, FlowRelay>>;
}

/** Relays by their name, with their next hops. */
function net(hops: Readonly<Record<string, readonly string[]>>, process?: ChooseProcessor): Net {
  const exchange = new Exchange();
  const relays: Record<string, FlowRelay> = {};
  for (const [index, [name, next]] of Object.entries(hops).entries()) {
    relays[name] = exchange.add(
      name,
      (connect) =>
        new FlowRelay({ id: index + 1, hops: next.length, connect: (hop, path) => connect(next[hop]!, path), process }),
    );
  }
  return { exchange, relays };
}

function origin(exchange: Exchange, name: string, hops: readonly string[], key = KEY): ChainOrigin {
  return exchange.add(
    name,
    (connect) => new ChainOrigin({ origin: key, hops: hops.length, connect: (hop) => connect(hops[hop]!) }),
  );
}

function originEvents(node: ChainOrigin): ChainOriginEvent[] {
  const events: ChainOriginEvent[] = [];
  for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent()) events.push(event);
  return events;
}

function destinationEvents(node: ChainDestination): ChainDestinationEvent[] {
  const events: ChainDestinationEvent[] = [];
  for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent()) events.push(event);
  return events;
}

describe("what passes", () => {
  test("messages, bytes and the announcement of flows, through three relays; the path names them", () => {
    const { exchange } = net({ a: ["b"], b: ["c"], c: ["server"] });
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a"]);
    const urgent = client.open(
      { kind: "stateful-datagram", priority: 3, period: millis(20), maxUnit: 99, cost: micros(7) },
      exchange.now,
    );
    const bulk = client.open({ kind: "stateful-stream", priority: 200 }, exchange.now);
    client.send(urgent, utf8("hello"), { deadline: inTime(exchange.now, millis(100)) }, exchange.now);
    const content = new Uint8Array(300_000).map((_, index) => index % 251);
    expect(client.write(bulk, content, exchange.now)).toBe(content.length);
    client.finish(urgent, exchange.now);
    client.finish(bulk, exchange.now);
    const events: ChainDestinationEvent[] = [];
    const read: Uint8Array[] = [];
    for (let n = 0; n < 20; n += 1) {
      exchange.pass(5);
      events.push(...destinationEvents(server));
      for (let piece = server.read(`${KEY} 1`, exchange.now); piece; piece = server.read(`${KEY} 1`, exchange.now)) {
        read.push(piece);
      }
    }
    expect(events.find((each) => each.type === "open")).toMatchObject({
      path: [1, 2, 3],
      flow: { kind: "stateful-datagram", priority: 3, period: 20, maxUnit: 99, cost: 7 },
    });
    expect(events).toContainEqual({ type: "message", key: `${KEY} 0`, bytes: utf8("hello"), number: 0, isLate: false });
    expect(equalBytes(concat(...read), content)).toBe(true);
    const closed = originEvents(client).filter((each) => each.type === "closed");
    expect(closed).toMatchObject([
      { flow: urgent, code: 0, stats: { messages: { given: 1, confirmed: 1, late: 0, unconfirmed: 0 } } },
      { flow: bulk, code: 0, stats: { bytes: { given: 300_000, confirmed: 300_000, resent: 0 } } },
    ]);
  });

  test("a deadline stays where it is while the message waits at a relay", () => {
    const { exchange } = net({ a: ["server"] });
    const server = exchange.add("server", () => new BareNode());
    const client = exchange.add("client", () => new BareNode());
    const session = connectBare(exchange, client);
    const flow = session.open({ kind: "stateful-datagram" });
    session.send(flow, utf8("first"));
    exchange.pass(20);
    const sent = exchange.now;
    // It arrives at the relay before the pause arrives at the client.
    server.session.pause(2);
    session.send(flow, utf8("second"), { deadline: inTime(sent, millis(100)) });
    exchange.pass(30);
    server.session.resume(2);
    exchange.pass(20);
    const message = server.of("message").at(-1)!;
    expect(message.bytes).toEqual(utf8("second"));
    expect(message.due).toBeLessThanOrEqual(inTime(sent, millis(100)));
    expect(message.due).toBeGreaterThan(inTime(sent, millis(90)));
  });

  test("PAUSE, RESUME with a rate, GRANT and RESOURCE pass back to the sender", () => {
    const { exchange } = net({ a: ["b"], b: ["server"] });
    const server = exchange.add("server", () => new BareNode());
    const client = exchange.add("client", () => new BareNode());
    const session = connectBare(exchange, client);
    const flow = session.open({ kind: "stateful-stream" });
    session.write(flow, utf8("x"), exchange.now);
    exchange.pass(10);
    server.session.pause(2);
    exchange.pass(5);
    server.session.grant(2, 500, millis(80));
    exchange.pass(5);
    server.session.resume(2, 4_000);
    server.session.report({ link: 9_000, cpuFree: 10, queue: 70, memory: 5 }, exchange.now);
    exchange.pass(5);
    expect(client.of("paused")).toEqual([{ type: "paused", flow, until: Number.POSITIVE_INFINITY }]);
    expect(client.of("granted")).toMatchObject([{ flow, bytes: 500, window: millis(80) }]);
    expect(client.of("resumed")).toEqual([{ type: "resumed", flow, rate: 4_000 }]);
    expect(client.of("resources")).toMatchObject([{ resources: { link: 9_000, cpuFree: 10, queue: 70, memory: 5 } }]);
  });

  test("flows of several clients share one session with the next hop", () => {
    const { exchange } = net({ a: ["server"] });
    const server = exchange.add("server", () => new ChainDestination());
    const clients = ["x", "y", "z"].map((name, index) => origin(exchange, name, ["a"], `000000000000000${index}`));
    for (const client of clients) {
      const flow = client.open({ kind: "stateful-datagram" }, exchange.now);
      client.send(flow, utf8("x"), {}, exchange.now);
    }
    exchange.pass(20);
    expect(destinationEvents(server).filter((each) => each.type === "message")).toHaveLength(3);
    expect([exchange.sessions("a"), exchange.sessions("server")]).toEqual([4, 1]);
  });
});

describe("a plug-in", () => {
  const run = (process: ChooseProcessor, messages: readonly string[]) => {
    const { exchange, relays } = net({ a: ["server"] }, process);
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a"]);
    const flow = client.open({ kind: "stateful-datagram" }, exchange.now);
    for (const text of messages) {
      client.send(flow, utf8(text), { deadline: inTime(exchange.now, millis(200)) }, exchange.now);
      exchange.pass(2);
    }
    client.finish(flow, exchange.now);
    exchange.pass(100);
    const arrived = destinationEvents(server).flatMap((each) => (each.type === "message" ? [each] : []));
    const closed = originEvents(client).find((each) => each.type === "closed");
    return { arrived: arrived.map(({ bytes }) => new TextDecoder().decode(bytes)), closed, counts: relays.a!.counts };
  };

  test("drops, and the sender need not send again", () => {
    const { arrived, closed, counts } = run(
      () => ({ process: ({ bytes, number }) => (number! % 2 === 0 ? bytes : "drop") }),
      ["a", "b", "c", "d"],
    );
    expect(arrived).toEqual(["a", "c"]);
    expect(closed).toMatchObject({ code: 0, stats: { messages: { confirmed: 4, unconfirmed: 0, resent: 0 } } });
    expect(counts).toMatchObject({ messages: 4, passed: 2, dropped: 2 });
  });

  test("joins several messages, which are confirmed with the one that carries them", () => {
    const { arrived, closed, counts } = run(() => {
      let kept = "";
      return {
        process({ bytes, number }) {
          kept += new TextDecoder().decode(bytes);
          if (number! % 3 < 2) return "keep";
          const all = utf8(kept);
          kept = "";
          return all;
        },
      };
    }, ["a", "b", "c", "d", "e", "f"]);
    expect(arrived).toEqual(["abc", "def"]);
    expect(closed).toMatchObject({ code: 0, stats: { messages: { confirmed: 6, unconfirmed: 0 } } });
    expect(counts).toMatchObject({ messages: 6, passed: 2, joined: 4 });
  });

  test("that throws ends its flow, and no other", () => {
    const { exchange, relays } = net({ a: ["server"] }, ({ priority }) =>
      priority === 0
        ? {
            process() {
              throw new Error("a plug-in with a fault");
            },
          }
        : { process: ({ bytes }) => bytes.map((each) => each + 1) },
    );
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a"]);
    const faulty = client.open({ kind: "stateful-datagram", priority: 0 }, exchange.now);
    const sound = client.open({ kind: "stateful-datagram", priority: 1 }, exchange.now);
    client.send(faulty, utf8("a"), {}, exchange.now);
    client.send(sound, utf8("a"), {}, exchange.now);
    exchange.pass(30);
    expect(originEvents(client)).toContainEqual(expect.objectContaining({ type: "closed", flow: faulty, code: 4 }));
    expect(destinationEvents(server)).toContainEqual(expect.objectContaining({ type: "message", bytes: utf8("b") }));
    expect(relays.a!.counts.faults).toBe(1);
  });
});

describe("a failure", () => {
  test("of a relay: the next one in the list is taken, and what the failed one had acknowledged comes again, once", () => {
    const { exchange } = net({ a: ["server"], b: ["server"] });
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a", "b"]);
    const flow = client.open({ kind: "stateful-datagram" }, exchange.now);
    client.send(flow, utf8("1"), {}, exchange.now);
    exchange.pass(30);
    // The server falls silent for a moment: the relay has the message, and nobody else.
    exchange.crash("a");
    client.send(flow, utf8("2"), {}, exchange.now);
    exchange.pass(2_000);
    client.finish(flow, exchange.now);
    exchange.pass(50);
    const messages = destinationEvents(server).flatMap((each) => (each.type === "message" ? [each.number] : []));
    expect(messages).toEqual([0, 1]);
    expect(originEvents(client)).toMatchObject([
      { type: "way", hop: 0 },
      { type: "way", hop: 1 },
      { type: "closed", code: 0, stats: { ways: 2, messages: { given: 2, confirmed: 2, resent: 1 } } },
    ]);
    expect(client.failures).toBe(1);
  });

  test("of the hop after it: the relay goes another way, the sender's session stays", () => {
    const { exchange, relays } = net({ a: ["b", "server"], b: ["server"] });
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a"]);
    const flow = client.open({ kind: "stateful-stream" }, exchange.now);
    client.write(flow, utf8("one "), exchange.now);
    exchange.pass(30);
    exchange.crash("b");
    client.write(flow, utf8("two"), exchange.now);
    client.finish(flow, exchange.now);
    let text = "";
    for (let n = 0; n < 30; n += 1) {
      exchange.pass(50);
      for (let piece = server.read(`${KEY} 0`, exchange.now); piece; piece = server.read(`${KEY} 0`, exchange.now)) {
        text += new TextDecoder().decode(piece);
      }
    }
    expect(text).toBe("one two");
    expect(originEvents(client)).toMatchObject([
      { type: "way", hop: 0 },
      { type: "closed", code: 0, stats: { ways: 2 } },
    ]);
    expect(relays.a!.counts.broken).toBe(1);
  });

  test("a loop is refused, and the relay before it goes another way", () => {
    const { exchange, relays } = net({ a: ["b"], b: ["a", "server"] });
    const server = exchange.add("server", () => new ChainDestination());
    const client = origin(exchange, "client", ["a"]);
    const flow = client.open({ kind: "stateful-datagram" }, exchange.now);
    client.send(flow, utf8("x"), {}, exchange.now);
    exchange.pass(300);
    expect(destinationEvents(server)).toContainEqual(expect.objectContaining({ type: "message", number: 0 }));
    expect(relays.a!.counts.refused).toBeGreaterThan(0);
  });
});

describe("bad input", () => {
  test("ten thousand flows: the relay holds as many as it may, refuses the rest, and counts them", () => {
    const { exchange, relays } = net({ a: ["server"] });
    const server = exchange.add("server", () => new BareNode());
    const client = exchange.add("client", () => new BareNode());
    const session = connectBare(exchange, client);
    for (let n = 0; n < 10_000; n += 1) session.open({ kind: "stateful-datagram" });
    exchange.pass(1_000);
    expect(relays.a!.size).toBeLessThanOrEqual(MAX_FLOWS);
    expect(client.of("closed").length).toBeGreaterThanOrEqual(10_000 - MAX_FLOWS);
    expect(server.of("open").length).toBeLessThanOrEqual(MAX_FLOWS);
  });

  test("a confirmation of what was never sent changes nothing; PAUSE for a flow that leads elsewhere ends the session", () => {
    const exchange = new Exchange();
    const server = exchange.add("server", () => new BareNode());
    const client = origin(exchange, "client", ["server"]);
    const flow = client.open({ kind: "stateful-datagram" }, exchange.now);
    client.send(flow, utf8("x"), {}, exchange.now);
    exchange.pass(10);
    server.session.confirm({ type: "confirm", flow: 2, end: 900, late: 0, isFin: true, runs: [0, 900] });
    exchange.pass(10);
    expect(client.forged).toBe(1);
    expect(client.stats(flow)!.messages).toMatchObject({ given: 1, confirmed: 0 });
  });

  test("zero rates, absurd reports and a receiver that pauses for ever: everything waits, within bounds", () => {
    const { exchange } = net({ a: ["server"] });
    const server = exchange.add("server", () => new BareNode());
    const client = origin(exchange, "client", ["a"]);
    const flow = client.open({ kind: "stateful-stream" }, exchange.now);
    client.write(flow, utf8("x"), exchange.now);
    exchange.pass(20);
    server.session.report(
      { link: -1, cpuFree: 1e9, queue: Number.POSITIVE_INFINITY, memory: Number.NaN },
      exchange.now,
    );
    server.session.pause(2);
    exchange.pass(20);
    let written = 0;
    for (let n = 0; n < 200; n += 1) {
      written += client.write(flow, new Uint8Array(100_000), exchange.now);
      exchange.pass(5);
    }
    expect(written).toBeLessThanOrEqual(1_048_576);
    expect(client.write(flow, new Uint8Array(1), exchange.now)).toBe(0);
  });

  test("a destination holds so many flows; one that leaves bytes out is refused", () => {
    const exchange = new Exchange();
    const server = exchange.add("server", () => new ChainDestination({ maxFlows: 2 }));
    const client = exchange.add("client", () => new BareNode());
    const session = connectBare(exchange, client, "server");
    const open = (number: number, base: number) =>
      session.open({ kind: "stateful-stream", chain: { origin: KEY, number, base } });
    open(0, 0);
    const gap = open(0, 5);
    open(1, 0);
    const third = open(2, 0);
    exchange.pass(20);
    expect([server.size, server.forged, server.refused]).toEqual([2, 1, 1]);
    expect(client.of("closed").map(({ flow, code }) => [flow, code])).toEqual([
      [gap, 4],
      [third, 2],
    ]);
  });
});

/** A session of a node without a will of its own. */
function connectBare(exchange: Exchange, node: BareNode, to = "a") {
  let session: ReturnType<typeof node.sessions.at>;
  exchange.add(`bare ${node.sessions.length}`, (connect) => {
    session = connect(to);
    return node;
  });
  return session!;
}
