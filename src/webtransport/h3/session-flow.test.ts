/** Flow control of a session over HTTP/3: what is sent, what is allowed, and what is an error (draft-ietf-webtrans-http3 §5). */

import { beforeEach, describe, expect, test } from "vitest";
import { FlowCapsule, type FlowLimits, SessionFlow } from "./session-flow.ts";

const OWN: FlowLimits = { maxData: 100, maxStreamsBidi: 4, maxStreamsUni: 4 };
const PEER: FlowLimits = { maxData: 10, maxStreamsBidi: 1, maxStreamsUni: 0 };

let sent: (readonly [number, number])[];
let flow: SessionFlow;
beforeEach(() => {
  flow = create(true);
});

function create(mustGrow: boolean): SessionFlow {
  const created = new SessionFlow({ own: OWN, peer: PEER, mustGrow });
  sent = [];
  created.send = (type, value) => void sent.push([type, value]);
  return created;
}

const codeOf = (run: () => unknown): number | undefined => {
  try {
    run();
  } catch (error) {
    return (error as { code: number }).code;
  }
  return undefined;
};

describe("sending", () => {
  test("stops at the peer's limits, and says so once for each", () => {
    expect(flow.mayOpen("bidi")).toBe(true);
    flow.handleOpened("bidi");
    expect([flow.mayOpen("bidi"), flow.mayOpen("bidi"), flow.mayOpen("uni")]).toEqual([false, false, false]);
    expect([flow.take(7), flow.take(7), flow.take(1)]).toEqual([7, 3, 0]);
    expect(sent).toEqual([
      [FlowCapsule.STREAMS_BLOCKED_BIDI, 1],
      [FlowCapsule.STREAMS_BLOCKED_UNI, 0],
      [FlowCapsule.DATA_BLOCKED, 10],
    ]);
  });

  test("continues when they grow", () => {
    expect(flow.handleMaxStreams("bidi", 5)).toBe(false);
    flow.mayOpen("uni");
    expect(flow.handleMaxStreams("uni", 1)).toBe(true);
    expect(flow.mayOpen("uni")).toBe(true);
    flow.take(10);
    flow.handleMaxData(25);
    expect(flow.take(100)).toBe(15);
  });

  test.each([
    ["WT_MAX_DATA that shrinks", true, () => flow.handleMaxData(9)],
    ["WT_MAX_DATA that stays, in draft 16", true, () => flow.handleMaxData(10)],
    ["WT_MAX_STREAMS that stays, in draft 16", true, () => flow.handleMaxStreams("bidi", 1)],
    ["WT_MAX_STREAMS that shrinks", false, () => flow.handleMaxStreams("bidi", 0)],
    ["WT_MAX_STREAMS above 2^60", false, () => flow.handleMaxStreams("uni", 2 ** 61)],
  ])("%s is WT_FLOW_CONTROL_ERROR", (_, mustGrow, run) => {
    flow = create(mustGrow);
    expect(codeOf(run)).toBe(0x045d4487);
  });

  test("limits that stay are none before draft 16", () => {
    flow = create(false);
    expect([codeOf(() => flow.handleMaxData(10)), codeOf(() => flow.handleMaxStreams("bidi", 1))]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe("receiving", () => {
  test("limits grow as streams end and bytes are read or dropped, half a window at a time", () => {
    flow.handleRead(30);
    flow.handleDropped(19);
    expect(sent).toEqual([]);
    flow.handleRead(1);
    expect(sent).toEqual([[FlowCapsule.MAX_DATA, 150]]);
    for (let n = 0; n < 4; n += 1) flow.handleArrived("uni");
    flow.handleEnded("uni");
    flow.handleEnded("uni");
    flow.handleEnded("uni");
    expect(sent.slice(1)).toEqual([[FlowCapsule.MAX_STREAMS_UNI, 6]]);
    flow.handleArrived("uni");
    flow.handleArrived("uni");
    expect(codeOf(() => flow.handleArrived("uni"))).toBe(0x045d4487);
  });

  test("more bytes than allowed are WT_FLOW_CONTROL_ERROR", () => {
    expect(codeOf(() => flow.handleRead(101))).toBe(0x045d4487);
  });
});
