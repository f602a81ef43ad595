/** nagare.schema.json is what the validator accepts. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configSchema, SCHEMA_FILE } from "../scripts/config-schema.ts";

const read = (path: string): string => readFileSync(join(import.meta.dirname, "..", path), "utf8");

test("the schema is up to date, and describes every option; otherwise run npm run tables", () => {
  const schema = configSchema(read);
  expect(read(SCHEMA_FILE)).toBe(schema);
  const properties = [...schema.matchAll(/"(\w+)": \{\n\s+"(\w+)":/g)];
  expect(properties.length).toBeGreaterThan(40);
});
