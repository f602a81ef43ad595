/** Streams of the peer that wait for the application, above all those that the peer reset meanwhile. */

import { expect, test } from "vitest";
import { IncomingStreams } from "./incoming-streams.ts";

const half = () => ({ isOver: false });

test("100,000 streams that are opened and reset unread do not wait, but those that are open do, in order", async () => {
  const streams = new IncomingStreams<number>();
  const kept = [10, 20_000, 70_000];
  for (let n = 0; n < 100_000; n += 1) {
    const [receiver, sender] = [half(), half()];
    streams.push(n, [receiver, sender]);
    receiver.isOver = !kept.includes(n);
    sender.isOver = true;
    expect(streams.waiting).toBeLessThanOrEqual(65);
  }
  expect(streams.dropped + streams.waiting).toBe(100_000);
  const reader = streams.readable.getReader();
  const taken: number[] = [];
  for (let n = streams.waiting; n > 0; n -= 1) taken.push((await reader.read()).value!);
  expect(taken.filter((n) => kept.includes(n))).toEqual(kept);
});

test("open streams wait, however many the peer may open", async () => {
  const streams = new IncomingStreams<number>();
  for (let n = 0; n < 1000; n += 1) streams.push(n, [half()]);
  expect([streams.waiting, streams.dropped]).toEqual([1000, 0]);
  await streams.readable.cancel();
  streams.push(1001, [half()]);
  expect(streams.waiting).toBe(0);
});
