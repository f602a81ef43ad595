import type { Suite } from "../suite.ts";

export const finalhandler: Suite = {
  name: "finalhandler",
  repository: "pillarjs/finalhandler",
  tag: "v2.1.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/test.js"],
  skips: [],
  causes: [],
};
