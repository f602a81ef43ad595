import type { Suite } from "../suite.ts";

export const onFinished: Suite = {
  name: "on-finished",
  repository: "jshttp/on-finished",
  tag: "v2.4.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/test.js"],
  skips: [],
  causes: [],
};
