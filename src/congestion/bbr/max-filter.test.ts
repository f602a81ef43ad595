import fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { MaxFilter } from "./max-filter.ts";

test("knows the maximum of the window", () => {
  const steps = fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (values, length) => {
      const filter = new MaxFilter();
      const seen: { value: number; time: number }[] = [];
      let time = 0;
      for (const [value, elapsed] of values) {
        time += elapsed;
        filter.add(value, time, length);
        seen.push({ value, time });
        const recent = seen.filter((entry) => entry.time > time - length).map((entry) => entry.value);
        expect(filter.max).toBe(Math.max(...recent));
      }
    }),
    { numRuns: runs(200) },
  );
});
