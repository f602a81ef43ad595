import type { Suite } from "../suite.ts";

export const session: Suite = {
  name: "session",
  repository: "expressjs/session",
  tag: "v1.19.0",
  runner: "mocha",
  args: ["--check-leaks", "--no-exit", "--require", "test/support/env"],
  prepare: ["./test/support/gencert.sh"],
  files: ["test/cookie.js", "test/session.js"],
  skips: [],
  causes: [],
};
