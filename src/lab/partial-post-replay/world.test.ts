import { describe, expect, test } from "vitest";
import { share } from "./share.ts";
import { type Rolling, RollingWorld } from "./world.ts";

const MB = 1e6;
const ROLLING: Rolling = {
  seed: 1,
  handsBack: true,
  clients: 6,
  size: 20 * MB,
  clientRate: 4 * MB,
  origins: 3,
  linkRate: 20 * MB,
  pause: 1,
  grace: 30,
};

test("a link is shared evenly among those who want more than that", () => {
  expect(share([10, 1, 10], 9)).toEqual([4, 1, 4]);
  expect(share([1, 2], 9)).toEqual([1, 2]);
  expect(share([], 9)).toEqual([]);
});

describe("uploads while origins restart", () => {
  test("all end, and each byte that is handed back crosses the links twice more", () => {
    const outcome = new RollingWorld(ROLLING).run();
    expect(outcome).toMatchObject({ failed: 0, unfinished: 0 });
    expect(outcome.restarts).toBeGreaterThan(1);
    const total = ROLLING.clients * ROLLING.size;
    expect(outcome.replayed).toBeGreaterThan(0);
    expect(outcome.returned).toBe(outcome.replayed);
    expect(outcome.carried).toBeCloseTo(1 + (outcome.returned + outcome.replayed) / total, 6);
  });

  test("those of an origin that has no time fail, with handbacks and without", () => {
    for (const handsBack of [true, false]) {
      const outcome = new RollingWorld({ ...ROLLING, handsBack, grace: 0.05, pause: 3 }).run();
      expect(outcome.failed).toBeGreaterThanOrEqual(2);
    }
  });
});
