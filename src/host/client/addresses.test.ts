// The order of the system's lookups, in virtual time.
import { expect, test } from "vitest";
import { ManualClock } from "../relay/testing/manual-clock.ts";
import { AddressSource } from "./addresses.ts";

/** Lookups that end when the test says so. */
function world() {
  const clock = new ManualClock();
  const asked: number[] = [];
  const ends = new Map<number, (addresses: readonly string[]) => void>();
  const source = new AddressSource(undefined, clock, (_name, family) => {
    asked.push(family);
    return new Promise((resolve) => ends.set(family, resolve));
  });
  return { clock, asked, ends, source };
}
const turn = () => new Promise(setImmediate);

test("RFC 8305 §3: A is asked 5 ms after AAAA, and does not wait for its answer", async () => {
  const { clock, asked, ends, source } = world();
  const aaaa = source.find("a.test", 6);
  const a = source.find("a.test", 4);
  clock.advance(4_000);
  await turn();
  expect(asked).toEqual([6]);
  clock.advance(1_000);
  await turn();
  expect(asked).toEqual([6, 4]);
  ends.get(4)!(["192.0.2.1"]);
  expect(await a).toEqual(["192.0.2.1"]);
  ends.get(6)!([]);
  expect(await aaaa).toEqual([]);
});

test("A is asked at once when AAAA has its answer, for another name, and without AAAA; races share both", async () => {
  const { asked, ends, source } = world();
  const aaaa = source.find("a.test", 6);
  const both = [source.find("a.test", 4), source.find("a.test", 4)];
  ends.get(6)!(["2001:db8::1"]);
  await aaaa;
  await turn();
  expect(asked).toEqual([6, 4]);
  ends.get(4)!(["192.0.2.1"]);
  expect(await Promise.all(both)).toEqual([["192.0.2.1"], ["192.0.2.1"]]);
  void source.find("b.test", 4);
  expect(asked).toEqual([6, 4, 4]);
});
