import type { Suite } from "../suite.ts";

export const morgan: Suite = {
  name: "morgan",
  repository: "expressjs/morgan",
  tag: "1.10.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/morgan.js"],
  skips: [],
  causes: [],
};
