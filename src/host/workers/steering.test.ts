import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";
import type { Place } from "./place.ts";
import { type Neighbourhood, Reason, steer } from "./steering.ts";

const key = new Uint8Array(16).fill(9);
const keys = new RoutedIdKeys([key, key, key, key]);
const place = (generation: number, worker: number): Place => ({ generation, worker });

const idOf = ({ generation, worker }: Place, node = 0): Uint8Array =>
  new RoutedConnectionIds(new SeededRng(1), keys, { generation, worker, node }, () => 0).generate().bytes;

const SHORT = 0x40;
const LONG = 0xc0;

function decide(id: Uint8Array, first: number, at: Partial<Neighbourhood> = {}, arrived?: Reason) {
  const neighbourhood: Neighbourhood = {
    self: place(1, 0),
    places: [place(0, 0), place(0, 1), place(1, 0), place(1, 1)],
    newest: 1,
    offersToPrevious: true,
    ...at,
  };
  return steer(neighbourhood, keys, { bytes: id, start: 0, end: id.length, first }, arrived);
}

const client = new Uint8Array(8).fill(5);

describe("a datagram of no connection here", () => {
  test.each([
    ["a sibling", place(1, 1)],
    ["the previous generation", place(0, 1)],
  ])("goes to its owner, %s, that its id names", (_name, owner) => {
    for (const first of [SHORT, LONG]) expect(decide(idOf(owner), first)).toEqual({ to: owner, reason: Reason.owned });
  });

  test("stays if its owner is this process, is gone, or is on another machine", () => {
    expect(decide(idOf(place(1, 0)), SHORT)).toBeUndefined();
    expect(decide(idOf(place(5, 1)), SHORT)).toBeUndefined();
    expect(decide(idOf(place(1, 7)), SHORT)).toBeUndefined();
    expect(decide(idOf(place(1, 1), 3), SHORT)).toBeUndefined();
  });

  test("goes to the next generation, even if nobody has told of it yet", () => {
    const at = { self: place(7, 0), places: [place(7, 0), place(7, 1)], newest: 7 };
    expect(decide(idOf(place(0, 1)), SHORT, at)).toEqual({ to: place(0, 1), reason: Reason.owned });
    expect(decide(idOf(place(0, 9)), SHORT, at)).toBeUndefined();
  });

  test("stays if the id is not ours and the header is short", () => {
    expect(decide(new Uint8Array(10), SHORT)).toBeUndefined();
  });
});

describe("a client's first flight", () => {
  test("is offered to the previous generation for a while after a reload", () => {
    expect(decide(client, LONG)).toEqual({ to: place(0, 0), reason: Reason.offered });
    expect(decide(client, LONG, { offersToPrevious: false })).toBeUndefined();
    expect(decide(client, LONG, { places: [place(1, 0), place(1, 1)] })).toBeUndefined();
  });

  test("is returned by the previous generation, which accepts no connections", () => {
    const previous = { self: place(0, 1) };
    const returned = { to: place(1, 1), reason: Reason.returned };
    expect(decide(client, LONG, previous, Reason.offered)).toEqual(returned);
    expect(decide(client, LONG, previous)).toEqual(returned);
    // Its id looks like one of ours by chance.
    expect(decide(idOf(place(0, 1)), LONG, previous, Reason.owned)).toEqual(returned);
  });

  test("is never passed on again once it was returned", () => {
    for (const self of [place(0, 0), place(1, 0)]) {
      for (const id of [client, idOf(place(0, 1)), idOf(place(1, 1))]) {
        expect(decide(id, LONG, { self }, Reason.returned)).toBeUndefined();
      }
    }
  });

  test("finds another worker of the newest generation if its own has ended", () => {
    const at = { self: place(0, 1), places: [place(0, 1), place(1, 0)] };
    expect(decide(client, LONG, at)).toEqual({ to: place(1, 0), reason: Reason.returned });
  });
});

test("no datagram goes round in circles: it is passed on at most twice", () => {
  const places = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)];
  for (const id of [client, new Uint8Array(10), ...places.map((each) => idOf(each))]) {
    for (const first of [SHORT, LONG]) {
      for (const start of places) {
        let at = start;
        let reason: Reason | undefined;
        let hops = 0;
        for (;;) {
          const decision = decide(id, first, { self: at }, reason);
          if (decision === undefined) break;
          at = decision.to;
          reason = decision.reason;
          hops += 1;
          expect(hops).toBeLessThanOrEqual(2);
        }
      }
    }
  }
});
