// `npm run tables`
import { readFileSync, writeFileSync } from "node:fs";
import { configSchema, SCHEMA_FILE } from "./config-schema.ts";
import { TABLES, withTable } from "./tables.ts";

for (const { file, render } of TABLES) writeFileSync(file, withTable(readFileSync(file, "utf8"), render()));
writeFileSync(
  SCHEMA_FILE,
  configSchema((file) => readFileSync(file, "utf8")),
);
