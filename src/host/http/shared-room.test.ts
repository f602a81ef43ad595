import { describe, expect, test } from "vitest";
import { FetchRoom, type RoomUser, SharedRoom } from "./shared-room.ts";

const MOST = 100;

function open(Room: typeof SharedRoom) {
  const state = { used: 0 };
  const told: string[] = [];
  const room = new Room({ most: MOST, used: () => state.used });
  const user = (name: string): RoomUser => ({ handleRoom: () => void told.push(name) });
  return { state, told, room, user };
}

describe("what is being fetched", () => {
  test("takes its room until it is written, or given up", () => {
    const { state, told, room, user } = open(SharedRoom);
    const [a, b, c] = [user("a"), user("b"), user("c")];
    expect([room.has(a, 60), room.has(b, 60), room.has(c, 60)]).toEqual([true, true, false]);
    state.used = 60;
    room.settle(a);
    expect(told).toEqual([]);
    state.used = 70;
    room.settle(b);
    expect(told).toEqual(["c"]);
  });

  test.each([SharedRoom, FetchRoom])("leaves its room to others when the next is asked for (%o)", (Room) => {
    const { told, room, user } = open(Room);
    const [a, b] = [user("a"), user("b")];
    expect([room.has(a, 100), room.has(b, 1), told]).toEqual([true, false, []]);
    expect([room.has(a, 0), told, room.has(b, 1)]).toEqual([true, ["b"], true]);
  });

  test("is all that is waited for where the transport has a bound of its own", () => {
    const { state, told, room, user } = open(FetchRoom);
    const [a, b] = [user("a"), user("b")];
    expect([room.has(a, 100), room.has(b, 1)]).toEqual([true, false]);
    state.used = 100;
    room.settle(a);
    expect(told).toEqual(["b"]);
  });
});

test("those who wait are told when a quarter is free, and not when they are over", () => {
  const { state, told, room, user } = open(SharedRoom);
  const [a, b] = [user("a"), user("b")];
  state.used = MOST;
  expect([room.has(a, 0), room.has(b, 0)]).toEqual([false, false]);
  room.settle(b);
  state.used = 76;
  room.update();
  expect(told).toEqual([]);
  state.used = 75;
  room.update();
  room.update();
  expect(told).toEqual(["a"]);
});
