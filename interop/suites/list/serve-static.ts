import type { Suite } from "../suite.ts";

export const serveStatic: Suite = {
  name: "serve-static",
  repository: "expressjs/serve-static",
  tag: "v2.2.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/test.js"],
  skips: [],
  causes: [],
};
