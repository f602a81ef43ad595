import type { Suite } from "../suite.ts";

export const compression: Suite = {
  name: "compression",
  repository: "expressjs/compression",
  tag: "v1.8.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/compression.js"],
  skips: [],
  causes: [],
};
