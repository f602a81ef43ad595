import { expect, test } from "vitest";
import { SparseMap, SparseSet } from "./sparse-map.ts";

test("an empty map has nothing", () => {
  const map = new SparseMap<string, number>();
  expect([map.size, map.get("a"), map.has("a"), map.delete("a")]).toEqual([0, undefined, false, false]);
  expect([[...map.keys()], [...map.values()], [...map]]).toEqual([[], [], []]);
});

test("entries are kept in the order of insertion", () => {
  const map = new SparseMap<string, number>();
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  expect(map.size).toBe(2);
  expect([map.get("a"), map.has("b")]).toEqual([3, true]);
  expect([[...map.keys()], [...map.values()]]).toEqual([
    ["a", "b"],
    [3, 2],
  ]);
  expect([...map]).toEqual([
    ["a", 3],
    ["b", 2],
  ]);
});

test("a single entry is kept like several", () => {
  const map = new SparseMap<string, number | undefined>();
  map.set("a", undefined);
  expect([map.size, map.has("a"), map.has("b"), map.get("a"), map.delete("b")]).toEqual([
    1,
    true,
    false,
    undefined,
    false,
  ]);
  map.set("a", 1);
  expect([[...map.keys()], [...map.values()], [...map], map.get("a")]).toEqual([["a"], [1], [["a", 1]], 1]);
  map.set("b", 2);
  expect([map.delete("a"), map.delete("a"), map.size, [...map]]).toEqual([true, false, 1, [["b", 2]]]);
  map.set("c", 3);
  expect([...map.values()]).toEqual([2, 3]);
});

test("a map that was emptied can be filled again", () => {
  const map = new SparseMap<string, number>();
  map.set("a", 1);
  expect(map.delete("a")).toBe(true);
  expect([map.size, [...map]]).toEqual([0, []]);
  map.set("b", 2);
  expect([...map]).toEqual([["b", 2]]);
  map.clear();
  expect(map.size).toBe(0);
});

test("all entries can be deleted during an iteration", () => {
  const map = new SparseMap<number, string>();
  for (let i = 0; i < 4; i += 1) map.set(i, "x");
  const seen: number[] = [];
  for (const [key] of map) {
    seen.push(key);
    map.delete(key);
  }
  expect([seen, map.size]).toEqual([[0, 1, 2, 3], 0]);
});

test("a set has what was added until it is deleted or taken", () => {
  const set = new SparseSet<string>();
  expect([set.size, set.has("a"), set.delete("a"), [...set.take()]]).toEqual([0, false, false, []]);
  for (const member of ["a", "b", "a"]) set.add(member);
  expect([set.size, set.has("a"), set.has("c")]).toEqual([2, true, false]);
  expect([set.delete("a"), set.delete("a"), set.size]).toEqual([true, false, 1]);
  set.add("c");
  expect([...set.take()]).toEqual(["b", "c"]);
  expect([set.size, set.has("b")]).toEqual([0, false]);
});
