// `npm run tables`
import { readFileSync, writeFileSync } from "node:fs";
import { TABLES, withTable } from "./tables.ts";

for (const { file, render } of TABLES) writeFileSync(file, withTable(readFileSync(file, "utf8"), render()));
