/** The peer's connection ids on several routes (RFC 9000 §5.1.2, §9.5). */

import { describe, expect, test } from "vitest";
import type { Frame } from "../frame/frames.ts";
import { ConnectionId } from "../packet/index.ts";
import { RemoteIds } from "./remote-ids.ts";

const bytesOf = (n: number): Uint8Array => new Uint8Array(8).fill(n);
const frame = (sequence: number, retirePriorTo = 0): Extract<Frame, { type: "new-connection-id" }> => ({
  type: "new-connection-id",
  sequence,
  retirePriorTo,
  connectionId: bytesOf(sequence),
  resetToken: new Uint8Array(16).fill(sequence),
});

/** Ids with sequence numbers 0 to `count` - 1; the first one is active. */
function idsOf(count: number, limit = 4): RemoteIds {
  const ids = new RemoteIds(ConnectionId.from(bytesOf(0)), limit);
  for (let sequence = 1; sequence < count; sequence += 1) ids.handleNewConnectionId(frame(sequence));
  return ids;
}

function retired(ids: RemoteIds): number[] {
  const found: number[] = [];
  for (let next = ids.nextToRetire; next !== undefined; next = ids.nextToRetire) {
    found.push(next);
    ids.markRetirementSent();
  }
  return found;
}

describe("routes with ids of their own", () => {
  const [first, second, third] = [{ name: "first" }, { name: "second" }, { name: "third" }];

  test("keep them until they are released, which retires them", () => {
    const ids = idsOf(3);
    expect(ids.bind(second)).toBe(true);
    expect([ids.idFor(first).bytes, ids.idFor(second).bytes]).toEqual([bytesOf(0), bytesOf(1)]);
    ids.activate(second, first);
    expect([ids.active.bytes, ids.idFor(first).bytes]).toEqual([bytesOf(1), bytesOf(0)]);
    expect(retired(ids)).toEqual([]);
    ids.release(first);
    expect(retired(ids)).toEqual([0]);
    expect(ids.idFor(first).bytes).toEqual(bytesOf(1));
  });

  test("get none if the peer has provided no more", () => {
    const ids = idsOf(2);
    expect([ids.bind(second), ids.bind(third)]).toEqual([true, false]);
    ids.activate(third, first);
    expect(ids.active.bytes).toEqual(bytesOf(0));
  });

  test("get another one if the peer retires theirs (Retire Prior To)", () => {
    const ids = idsOf(3);
    ids.bind(second);
    ids.handleNewConnectionId(frame(3, 2));
    expect(retired(ids).sort()).toEqual([0, 1]);
    expect([ids.active, ids.idFor(second)].map(({ bytes }) => bytes[0])).toEqual([2, 3]);
  });

  test("leave the only new id to the active route if the peer retires all others", () => {
    const ids = idsOf(3);
    ids.bind(second);
    ids.handleNewConnectionId(frame(3, 3));
    expect(retired(ids).sort()).toEqual([0, 1, 2]);
    expect([ids.active, ids.idFor(second)].map(({ bytes }) => bytes[0])).toEqual([3, 3]);
  });

  test("count towards the limit, and their ids are not taken for new ones", () => {
    const ids = idsOf(4);
    ids.bind(second);
    ids.handleNewConnectionId(frame(1));
    expect(() => ids.handleNewConnectionId(frame(4))).toThrow(/more than 4 connection ids/);
  });
});

describe("copies of NEW_CONNECTION_ID frames", () => {
  test("that arrive after the id was retired are ignored", () => {
    const ids = idsOf(4);
    const route = {};
    ids.bind(route);
    ids.release(route);
    expect(retired(ids)).toEqual([1]);
    ids.handleAcked(1);
    ids.handleNewConnectionId(frame(4));
    // The limit of four ids would be exceeded if it counted again.
    ids.handleNewConnectionId(frame(1));
    expect(retired(ids)).toEqual([]);
  });

  test("with ever new gaps in their numbers take bounded memory", () => {
    const ids = idsOf(2, 4);
    for (let sequence = 10; sequence < 20_000; sequence += 2) {
      ids.handleNewConnectionId(frame(sequence, sequence));
      for (const old of retired(ids)) ids.handleAcked(old);
    }
    // Among the oldest gaps, which are forgotten.
    ids.handleNewConnectionId(frame(11, 19_998));
    expect(retired(ids)).toEqual([]);
  });

  test("an active id without a token clears the token of the one before", () => {
    const ids = idsOf(2);
    const tokens: (Uint8Array | undefined)[] = [];
    ids.listener = { onResetToken: (token) => tokens.push(token) };
    const [first, second] = [{}, {}];
    ids.bind(second);
    ids.activate(second, first);
    ids.activate(first, second);
    expect(tokens).toEqual([new Uint8Array(16).fill(1), undefined]);
  });
});
