/**
 * The cases of the public QUIC interop runner between our client and our server, in virtual time. A failing run names
 * its seed, which reproduces it. NAGARE_SEEDS=a,b,c runs only those seeds.
 */

import { describe, expect, test } from "vitest";
import { portableEngine } from "../../../src/crypto/portable/index.ts";
import { pureEngine } from "../../../src/crypto/pure/index.ts";
import { ALL_SEEDS } from "../../properties/seeds.ts";
import { CASES, checksOf, optionsOf } from "./cases.ts";
import {
  amplificationLimit,
  bothKeyPhases,
  dropped,
  ecnMarked,
  goodput,
  growingWindows,
  handshakes,
  newIdOnNewPath,
  onlyChaCha20,
  onlyFamily,
  raisedStreamLimit,
  repeatedClientHello,
  resumed,
  retried,
  sentEarly,
  upgradedToVersion2,
  validatedPaths,
} from "./checks.ts";
import { runCase } from "./run.ts";

const seeds = process.env.NAGARE_SEEDS?.split(",").map(Number) ?? [1];

// The pure engine is slow.
describe.each(ALL_SEEDS ? [portableEngine, pureEngine] : [portableEngine])("$name", (engine) => {
  for (const one of CASES) {
    test.each(seeds)(`${one.name} (seed %i)`, (seed) => {
      const wanted = engine === pureEngine ? (one.pureFiles ?? one.files) : one.files;
      const result = runCase(optionsOf(one, wanted), engine, seed);
      for (const check of checksOf(one, wanted)) check(result);
    });
  }
});

describe("the conditions", () => {
  const plain = CASES.find(({ name }) => name === "handshake")!;
  const result = runCase(optionsOf(plain, plain.files), portableEngine, 1);

  test.each(
    Object.entries({
      amplificationLimit,
      bothKeyPhases,
      ecnMarked,
      growingWindows,
      newIdOnNewPath,
      onlyChaCha20,
      raisedStreamLimit,
      repeatedClientHello,
      resumed,
      retried,
      sentEarly,
      upgradedToVersion2,
      dropped: dropped("loss", 1),
      goodput: goodput(9),
      handshakes: handshakes(2),
      onlyFamily: onlyFamily(6),
      validatedPaths: validatedPaths("ports"),
    }),
  )("%s is not met by a plain handshake", (_, check) => {
    expect(() => check(result)).toThrow();
  });
});
