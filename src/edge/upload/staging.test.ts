/** Memory that is used again once what was in it is written. */

import { expect, test } from "vitest";
import { Staging } from "./staging.ts";

/** Fills the next bytes of the room. */
function put(staging: Staging, length: number, value: number): Uint8Array {
  const chunk = staging.room().subarray(0, length).fill(value);
  staging.fill(chunk);
  return chunk;
}

test("chunks follow each other, and nothing is used again before all of it is written", () => {
  const staging = new Staging();
  const [a, b] = [put(staging, 10, 1), put(staging, 20, 2)];
  expect([b.buffer === a.buffer, b.byteOffset - a.byteOffset]).toEqual([true, 10]);
  staging.release([a]);
  const c = put(staging, 5, 3);
  expect([c.byteOffset - a.byteOffset, [...b].every((byte) => byte === 2)]).toEqual([30, true]);
  staging.release([b, c]);
  // Everything is written: the next upload begins there.
  expect(put(new Staging(), 1, 4).buffer).toBe(a.buffer);
});

test("what does not fit goes to other memory, which waits on its own", () => {
  const staging = new Staging();
  const size = staging.room().byteLength;
  const full = put(staging, size, 1);
  const next = put(staging, 7, 2);
  expect(next.buffer).not.toBe(full.buffer);
  staging.release([full]);
  expect(put(staging, 1, 3).buffer).toBe(next.buffer);
});

test("chunks from elsewhere are left alone", () => {
  const staging = new Staging();
  staging.fill(new Uint8Array(10));
  const room = staging.room();
  staging.fill(new Uint8Array(10));
  expect(staging.room().byteLength).toBe(room.byteLength);
  staging.release([new Uint8Array(10)]);
});
