import type { Suite } from "../suite.ts";

export const send: Suite = {
  name: "send",
  repository: "pillarjs/send",
  tag: "1.2.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/send.js"],
  skips: [],
  causes: [],
};
