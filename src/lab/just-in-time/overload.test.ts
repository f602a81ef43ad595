/** A receiver that loses nine tenths of its processor for two seconds. */

import { expect, test } from "vitest";
import { measureOverload } from "./overload.ts";

test("urgent flows keep their deadline, uploads are paused and go on, and nothing is lost or doubled", () => {
  const { packets, lost, missed, pauses, resumes, during, written, damaged } = measureOverload("priority", { seed: 1 });
  expect({ packets, lost, missed, damaged }).toEqual({ packets: 3_200, lost: 0, missed: 0, damaged: 0 });
  expect(Number(pauses)).toBeGreaterThan(0);
  expect(resumes).toBe(pauses);
  expect(Number(during)).toBeGreaterThan(0);
  expect(Number(written)).toBeGreaterThan(3_000_000);
});
