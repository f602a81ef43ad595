import { describe, expect, test } from "vitest";
import { FetchRoom, type RoomUser, SharedRoom } from "./shared-room.ts";

const LIMIT = 100;

function open(Room: typeof SharedRoom) {
  const state = { bytesBuffered: 0 };
  const notified: string[] = [];
  const room = new Room(LIMIT, state);
  const user = (name: string): RoomUser => ({ handleRoom: () => void notified.push(name) });
  return { state, notified, room, user };
}

describe("bytes being fetched", () => {
  test("take room until they are written or the fetch is cancelled", () => {
    const { state, notified, room, user } = open(SharedRoom);
    const [a, b, c] = [user("a"), user("b"), user("c")];
    expect([room.has(a, 60), room.has(b, 60), room.has(c, 60)]).toEqual([true, true, false]);
    state.bytesBuffered = 60;
    room.settle(a);
    expect(notified).toEqual([]);
    state.bytesBuffered = 70;
    room.settle(b);
    expect(notified).toEqual(["c"]);
  });

  test.each([SharedRoom, FetchRoom])("free their room when the user reserves again (%o)", (Room) => {
    const { notified, room, user } = open(Room);
    const [a, b] = [user("a"), user("b")];
    expect([room.has(a, 100), room.has(b, 1), notified]).toEqual([true, false, []]);
    expect([room.has(a, 0), notified, room.has(b, 1)]).toEqual([true, ["b"], true]);
  });

  test("are all that users wait for if the transport has its own limit", () => {
    const { state, notified, room, user } = open(FetchRoom);
    const [a, b] = [user("a"), user("b")];
    expect([room.has(a, 100), room.has(b, 1)]).toEqual([true, false]);
    state.bytesBuffered = 100;
    room.settle(a);
    expect(notified).toEqual(["b"]);
  });
});

test("waiting users are notified once a quarter is free, unless they have finished", () => {
  const { state, notified, room, user } = open(SharedRoom);
  const [a, b] = [user("a"), user("b")];
  state.bytesBuffered = LIMIT;
  expect([room.has(a, 0), room.has(b, 0)]).toEqual([false, false]);
  room.settle(b);
  state.bytesBuffered = 76;
  room.update();
  expect(notified).toEqual([]);
  state.bytesBuffered = 75;
  room.update();
  room.update();
  expect(notified).toEqual(["a"]);
});
