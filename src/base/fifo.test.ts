import { expect, test } from "vitest";
import { Fifo } from "./fifo.ts";

test("items leave in the order in which they came, across many blocks", () => {
  const fifo = new Fifo<number>();
  const got: (number | undefined)[] = [];
  for (let i = 0; i < 5_000; i += 1) {
    fifo.push(i);
    if (i % 2 === 1) got.push(fifo.shift());
  }
  expect(fifo.size).toBe(2_500);
  expect(fifo.first).toBe(2_500);
  while (fifo.size > 0) got.push(fifo.shift());
  expect(got).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
  expect(fifo.shift()).toBeUndefined();
  expect(fifo.first).toBeUndefined();
});

test("insert keeps the order of equals and never reaches behind the front", () => {
  const fifo = new Fifo<{ key: number; name: string }>();
  const insert = (key: number, name: string) => fifo.insert({ key, name }, (other, item) => other.key > item.key);
  insert(0, "gone");
  fifo.shift();
  for (const [key, name] of [
    [5, "a"],
    [3, "b"],
    [5, "c"],
    [4, "d"],
    [1, "e"],
  ] as const) {
    insert(key, name);
  }
  const names: string[] = [];
  for (let item = fifo.shift(); item !== undefined; item = fifo.shift()) names.push(item.name);
  expect(names).toEqual(["e", "b", "d", "a", "c"]);
});
