import { describe, expect, it } from "vitest";
import { type Instant, seconds } from "../base/time.ts";
import { portableEngine } from "./portable/index.ts";
import { pureEngine } from "./pure/index.ts";
import { RotatingKey } from "./rotating-key.ts";

const PERIOD = seconds(100);
const SECRET = new Uint8Array(32).fill(5);
const at = (count: number) => seconds(count) as number as Instant;
const create = (purpose = "test") => new RotatingKey(portableEngine, SECRET, purpose, PERIOD);

describe("a rotating key", () => {
  it("stays for a period, and opens for another one", () => {
    const keys = create();
    const first = keys.current(at(1_000));
    expect(keys.current(at(1_099))).toEqual(first);
    const second = keys.current(at(1_100));
    expect(second.number).toBe(first.number + 1);
    expect(second.key).not.toEqual(first.key);
    expect(keys.byNumber(first.number, at(1_199))).toEqual(first.key);
    expect(keys.byNumber(first.number, at(1_200))).toBeUndefined();
  });

  it("is not known ahead of its time", () => {
    const keys = create();
    const { number } = keys.current(at(1_000));
    expect(keys.byNumber(number + 1, at(1_000))).toBeUndefined();
  });

  it("is the same in every process with the secret, whatever it was asked before", () => {
    const other = new RotatingKey(pureEngine, SECRET, "test", PERIOD);
    const keys = create();
    for (const now of [at(5_000), at(1_000), at(1_250)]) {
      const { number, key } = keys.current(now);
      expect(other.current(now)).toEqual({ number, key });
      expect(other.byNumber(number - 1, now)).toEqual(keys.byNumber(number - 1, now));
    }
  });

  it("differs by purpose", () => {
    expect(create("one").current(at(0)).key).not.toEqual(create("two").current(at(0)).key);
  });
});
