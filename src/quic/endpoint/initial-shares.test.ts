import { expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, seconds } from "../../base/time.ts";
import { InitialShares } from "./initial-shares.ts";

const from = (port: number): SocketAddress => ({ family: 4, host: "192.0.2.1", port });
const times = (count: number, take: (i: number) => boolean): number => {
  let taken = 0;
  for (let i = 0; i < count; i += 1) if (take(i)) taken += 1;
  return taken;
};

test("without a flood, one address may open 500 connections per second", () => {
  const shares = new InitialShares(new SeededRng(1));
  expect(times(500, () => shares.take(from(1), 0 as Instant))).toBe(500);
});

test("a flood from one address does not use up the shares of others", () => {
  const shares = new InitialShares(new SeededRng(1));
  expect(times(50_000, () => shares.take(from(1), 0 as Instant))).toBe(500);
  // Except those with the same hash.
  expect(times(1_000, (i) => shares.take(from(2 + i), 0 as Instant))).toBeGreaterThan(990);
  expect(times(50_000, () => shares.take(from(1), seconds(1) as number as Instant))).toBe(500);
});

test("a flood from all addresses gets at most 4000 per second", () => {
  const shares = new InitialShares(new SeededRng(1));
  const ports: number[] = [];
  times(60_000, (i) => {
    const isTaken = shares.take(from(i), 0 as Instant);
    if (isTaken) ports.push(i);
    return isTaken;
  });
  expect(ports.length).toBe(4_000);
});
