/** RFC 8446 §8.2: a ClientHello is accepted once while it is fresh, and memory stays bounded. */

import { expect, it } from "vitest";
import { type Instant, millis, after as plus } from "../base/time.ts";
import { MemoryStrikeRegister, REPLAY_WINDOW } from "./strike-register.ts";

const START = 1_000_000 as Instant;
const id = (seed: number) => new Uint8Array(32).fill(seed);

it("accepts each id once", () => {
  const register = new MemoryStrikeRegister();
  expect(register.claim(id(1), START)).toBe(true);
  expect(register.claim(id(2), START)).toBe(true);
  expect(register.claim(id(1), START)).toBe(false);
});

it("remembers an id for the whole replay window, wherever it fell", () => {
  for (let offset = 0; offset < REPLAY_WINDOW; offset += millis(1_700)) {
    const register = new MemoryStrikeRegister();
    register.claim(id(0), START);
    const claimed = plus(START, millis(offset / 1_000));
    expect(register.claim(id(1), claimed)).toBe(true);
    for (let step = 0; step <= 10; step += 1) {
      const again = plus(claimed, millis((step * REPLAY_WINDOW) / 10_000));
      expect(register.claim(id(1), again)).toBe(false);
    }
  }
});

it("forgets ids that are no longer fresh", () => {
  const register = new MemoryStrikeRegister(1);
  expect(register.claim(id(1), START)).toBe(true);
  expect(register.claim(id(2), START)).toBe(false);
  expect(register.claim(id(2), plus(START, REPLAY_WINDOW))).toBe(true);
  expect(register.claim(id(1), plus(START, millis(1_000_000)))).toBe(true);
});

it("rejects what it has no room to remember", () => {
  const register = new MemoryStrikeRegister(100);
  let accepted = 0;
  for (let i = 0; i < 200; i += 1) if (register.claim(id(i), START)) accepted += 1;
  expect(accepted).toBe(100);
  for (let i = 0; i < 100; i += 1) expect(register.claim(id(i), START)).toBe(false);
});
