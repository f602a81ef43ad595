#!/usr/bin/env node
// The bin. Answers --version before loading anything; program.ts does the rest.
import { readVersion } from "./version.ts";

const [first] = process.argv.slice(2);
if (first === "--version" || first === "-V") {
  process.stdout.write(`${readVersion()}\n`);
} else {
  const [{ runCli }, { processIo }] = await Promise.all([import("./program.ts"), import("./io.ts")]);
  process.exitCode = await runCli(process.argv.slice(2), processIo());
}
