/**
 * Random topologies of relays that crash and come back: no urgent message is late without being counted, no byte of an upload is lost or
 * doubled. `NAGARE_SEEDS=7 npx vitest run src/flows/relay/random-chains` repeats one.
 */

import { expect, test } from "vitest";
import { seedsOf } from "../../../test/properties/seeds.ts";
import { runChainWorld } from "../testing/chain-world.ts";

const seeds = seedsOf({ all: 200, some: 5 });

test(`random chains, seeds ${seeds[0]} to ${seeds.at(-1)}`, { timeout: 600_000 }, () => {
  for (const seed of seeds) expect({ seed, faults: runChainWorld(seed).faults }).toEqual({ seed, faults: [] });
});

test("the same seed gives the same run", () => {
  expect(runChainWorld(14).digest).toBe(runChainWorld(14).digest);
});
