import type { Suite } from "../suite.ts";

export const cors: Suite = {
  name: "cors",
  repository: "expressjs/cors",
  tag: "v2.8.6",
  runner: "mocha",
  args: ["--check-leaks", "--require", "test/support/env"],
  files: ["test/error-response.js", "test/example-app.js", "test/issue-2.js", "test/test.js"],
  skips: [],
  causes: [],
};
