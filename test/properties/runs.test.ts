import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("every property with its own number of runs scales it", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".test.ts"),
  );
  let scaled = 0;
  for (const file of files) {
    for (const line of readFileSync(join(root, "src", file), "utf8").split("\n")) {
      const number = /numRuns: (?<number>\w+)/.exec(line)?.groups?.number;
      if (number === undefined || line.includes("fc.sample(")) continue;
      expect(`${file}: ${number}`).toBe(`${file}: runs`);
      scaled += 1;
    }
  }
  expect(scaled).toBeGreaterThan(20);
});
