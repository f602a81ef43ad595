/** Who may hold whom back, how flows end, and what a hostile peer gets. */

import { describe, expect, test } from "vitest";
import { after as inTime, micros, millis } from "../../base/time.ts";
import { utf8 } from "../../wire/text.ts";
import { packetBytes } from "../packet/emit.ts";
import { NO_DEADLINE, type Unit } from "../packet/types.ts";
import { Pipe } from "../testing/pipe.ts";
import { MAX_FLOW_MEMORY, MAX_FLOWS } from "./limits.ts";

const stream = (pipe: Pipe): number => pipe.client.open({ kind: "stateful-stream" });

/** Everything that can be read of a stream. */
function readAll(pipe: Pipe, flow: number): number {
  let count = 0;
  for (let piece = pipe.server.read(flow); piece !== undefined; piece = pipe.server.read(flow))
    count += piece.bytes.length;
  return count;
}

test("messages arrive once, whole, in fragments if they are large; streams end, and flows with them", () => {
  const pipe = new Pipe();
  const messages = pipe.client.open({
    kind: "stateful-datagram",
    priority: 1,
    period: millis(20),
    maxUnit: 99,
    cost: micros(5),
  });
  const large = new Uint8Array(50_000).map((_, index) => index % 251);
  pipe.client.send(messages, utf8("small"));
  pipe.client.send(messages, large);
  pipe.client.finish(messages);
  const bytes = stream(pipe);
  expect(pipe.client.write(bytes, large, pipe.now)).toBe(large.length);
  pipe.client.finish(bytes);
  pipe.pass(50);
  expect(
    pipe.serverEvents.filter((each) => each.type === "message").map((each) => [each.flow, each.number, each.bytes]),
  ).toEqual([
    [messages, 0, utf8("small")],
    [messages, 1, large],
  ]);
  expect(pipe.serverEvents).toContainEqual({
    type: "open",
    flow: { id: messages, kind: "stateful-datagram", priority: 1, period: 20, maxUnit: 99, cost: 5 },
  });
  expect(readAll(pipe, bytes)).toBe(large.length);
  pipe.settle();
  for (const events of [pipe.clientEvents, pipe.serverEvents]) {
    expect(events.filter((each) => each.type === "closed")).toEqual([
      { type: "closed", flow: messages, code: 0 },
      { type: "closed", flow: bytes, code: 0 },
    ]);
  }
  expect(() => pipe.client.send(messages, utf8("x"))).toThrow(expect.objectContaining({ code: "FLOW_UNKNOWN" }));
});

test("a reader that does not read holds the stream back by itself, and nothing is lost", () => {
  const pipe = new Pipe();
  const flow = stream(pipe);
  const content = new Uint8Array(1_000_000);
  expect(pipe.client.write(flow, content, pipe.now)).toBe(content.length);
  pipe.pass(2_000);
  expect(pipe.clientEvents).toContainEqual({ type: "paused", flow, until: Number.POSITIVE_INFINITY });
  expect(pipe.client.buffered(flow)).toBeGreaterThan(0);
  expect(pipe.server.incoming(flow)!.delivered).toBeLessThan(MAX_FLOW_MEMORY);
  let read = 0;
  for (let n = 0; n < 100 && read < content.length; n += 1) {
    read += readAll(pipe, flow);
    pipe.pass(20);
  }
  expect(read).toBe(content.length);
  expect(pipe.clientEvents).toContainEqual({ type: "resumed", flow, rate: 0 });
});

test("a paused flow sends what it is granted, in time, and no more", () => {
  const pipe = new Pipe();
  const flow = pipe.client.open({ kind: "stateful-datagram" });
  pipe.settle();
  pipe.server.pause(flow);
  pipe.settle();
  const arrived = () => pipe.serverEvents.filter((each) => each.type === "message").length;
  for (let n = 0; n < 5; n += 1) pipe.client.send(flow, new Uint8Array(100));
  pipe.pass(50);
  expect(arrived()).toBe(0);
  pipe.server.grant(flow, 250, millis(100)); // Two messages of 120 bytes with their headers.
  pipe.pass(50);
  expect(arrived()).toBe(2);
  pipe.pass(200);
  expect(arrived()).toBe(2);
  pipe.server.resume(flow);
  pipe.settle();
  expect(arrived()).toBe(5);
});

test("a rate is kept", () => {
  const pipe = new Pipe();
  const flow = pipe.client.open({ kind: "stateful-stream" });
  pipe.settle();
  pipe.server.resume(flow, 50_000);
  pipe.settle();
  pipe.client.write(flow, new Uint8Array(200_000), pipe.now);
  pipe.pass(1_000);
  const read = readAll(pipe, flow);
  expect(read).toBeGreaterThan(40_000);
  expect(read).toBeLessThan(60_000);
});

test("what is urgent leaves first, what cannot be in time does not leave, and early data waits for a busy receiver", () => {
  const pipe = new Pipe();
  const later = pipe.client.open({ kind: "stateful-datagram", priority: 9, period: millis(10) });
  const urgent = pipe.client.open({ kind: "stateful-datagram", priority: 0, period: millis(10) });
  const { now } = pipe;
  pipe.client.send(later, utf8("later"), { deadline: inTime(now, millis(500)) });
  pipe.client.send(urgent, utf8("dead"), { deadline: inTime(now, micros(-1)), isDiscardable: true });
  pipe.client.send(urgent, utf8("second"), { deadline: inTime(now, millis(9)) });
  pipe.client.send(urgent, utf8("first"), { deadline: inTime(now, millis(5)) });
  pipe.settle();
  const arrived = () =>
    pipe.serverEvents.flatMap((each) => (each.type === "message" ? [new TextDecoder().decode(each.bytes)] : []));
  expect(arrived()).toEqual(["second", "first", "later"]);
  expect(pipe.client.outgoing(urgent)!.expired).toBe(1);
  pipe.server.report({ link: 1_000_000, cpuFree: 10, queue: 400, memory: 64 }, pipe.now);
  pipe.settle();
  expect(pipe.clientEvents.at(-1)).toMatchObject({ type: "resources", resources: { queue: 400, cpuFree: 10 } });
  pipe.client.send(later, utf8("early"), { deadline: inTime(pipe.now, millis(500)) });
  pipe.pass(400);
  expect(arrived()).not.toContain("early");
  pipe.pass(100);
  expect(arrived()).toContain("early");
});

describe("hostile input", () => {
  const open = (flow: number): Unit => ({
    type: "open",
    flow,
    kind: "stateful-datagram",
    priority: 0,
    period: 0,
    maxUnit: 0,
    cost: 0,
  });
  const part = { message: 0, fragment: 0, isFirst: true, isLast: true, deadline: NO_DEADLINE, priority: 0 };
  const datagram = (flow: number, given: Partial<typeof part> = {}, payload = utf8("x")): Unit => ({
    type: "datagram",
    flow,
    part: { ...part, ...given },
    isDiscardable: false,
    payload,
  });

  test("data of flows that were never opened is answered with CLOSE, but not without end", () => {
    const pipe = new Pipe();
    for (let flow = 2; flow <= 200; flow += 2) pipe.inject(datagram(flow));
    pipe.settle();
    const closed = pipe.clientEvents.length + pipe.client.stats.drops.strays;
    expect(pipe.server.stats.drops.strays).toBe(100);
    expect(closed).toBe(16);
  });

  test("a flow that the peer does not receive cannot be held back by it: the session ends with code 3", () => {
    const pipe = new Pipe();
    pipe.inject(open(2), { type: "pause", flow: 2, until: 0 });
    expect(pipe.serverEvents.at(-1)).toEqual({ type: "session-closed", code: 3, isOurs: true });
    pipe.settle();
    expect(pipe.clientEvents.at(-1)).toEqual({ type: "session-closed", code: 3, isOurs: false });
  });

  test("10,000 flows: 1,024 are taken, the others are refused", () => {
    const pipe = new Pipe();
    for (let n = 1; n <= 10_000; n += 1) pipe.inject(open(2 * n));
    expect(pipe.serverEvents.filter((each) => each.type === "open")).toHaveLength(MAX_FLOWS);
    pipe.inject(open(2)); // Repeated.
    pipe.inject(open(3)); // An id of ours.
    expect(pipe.server.stats.drops.forged).toBe(1);
  });

  test("an incomplete message of more than a flow may hold ends the flow", () => {
    const pipe = new Pipe();
    pipe.inject(open(2));
    for (let message = 0; message < 2_000; message += 1) {
      pipe.inject(datagram(2, { message, isLast: false }, new Uint8Array(1_000)));
    }
    expect(pipe.serverEvents.at(-1)).toEqual({ type: "closed", flow: 2, code: 2 });
  });

  test("acknowledgements of what was never sent, reports, times and grants that make no sense change nothing", () => {
    const pipe = new Pipe();
    const flow = pipe.server.open({ kind: "stateful-datagram" });
    pipe.settle();
    pipe.inject({ type: "ack", largest: 4_000_000, delay: 0, runs: [0, 50] });
    pipe.inject({ type: "ack", largest: 0, delay: 0xffff_ffff, runs: [9, 9, 0xffff, 0xffff] });
    pipe.inject({ type: "pause", flow, until: 1 }); // Long ago.
    pipe.inject({ type: "pause", flow, until: 0xf000_0000 }); // In half a day.
    pipe.inject({ type: "resume", flow: 77, rate: 5 });
    pipe.inject({ type: "grant", flow: 77, bytes: 5, start: 0, window: 0 });
    expect(pipe.server.stats.drops.forged).toBe(5);
    pipe.inject({ type: "resource", link: 0, cpuFree: 65_535, queue: 65_535, memory: 0 });
    pipe.server.send(flow, utf8("still"));
    pipe.settle();
    expect(pipe.clientEvents.some((each) => each.type === "message")).toBe(true);
    expect(pipe.server.closed).toBeUndefined();
  });

  test("timestamps of a clock that was set are counted, and deadlines still hold", () => {
    const pipe = new Pipe();
    const flow = pipe.client.open({ kind: "stateful-datagram" });
    pipe.client.send(flow, utf8("a"), { deadline: inTime(pipe.now, millis(50)) });
    pipe.settle();
    pipe.inject(datagram(100)); // Its timestamp is a second old: a delay.
    expect(pipe.server.stats.clockJumps).toBe(0);
    pipe.server.handlePacket(packetBytes({ flags: 0, sequence: 5_000, timestamp: 50_000_000 }, []), pipe.now);
    expect(pipe.server.stats.clockJumps).toBe(1);
    pipe.client.send(flow, utf8("b"), { deadline: inTime(pipe.now, millis(50)) });
    pipe.settle();
    expect(pipe.serverEvents.filter((each) => each.type === "message").map((each) => each.isLate)).toEqual([
      false,
      false,
    ]);
  });

  test("garbage is counted", () => {
    const pipe = new Pipe();
    pipe.server.handlePacket(new Uint8Array(40).fill(0xff), pipe.now);
    expect(pipe.server.stats.drops.malformed).toBe(1);
  });
});

test("a peer that falls silent ends the session after its time", () => {
  const pipe = new Pipe({ idleTimeout: millis(300) });
  pipe.client.open({ kind: "stateful-datagram" });
  pipe.settle();
  pipe.now = inTime(pipe.now, millis(301));
  pipe.client.handleTimeout(pipe.now);
  expect(pipe.client.pollEvent()).toEqual({ type: "session-closed", code: 0xffff, isOurs: true });
  expect(pipe.client.nextTimeout()).toBeUndefined();
});
