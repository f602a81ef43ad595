import type { Suite } from "../suite.ts";

export const bodyParser: Suite = {
  name: "body-parser",
  repository: "expressjs/body-parser",
  tag: "v2.3.0",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/body-parser.js", "test/json.js", "test/raw.js", "test/text.js", "test/urlencoded.js", "test/utils.js"],
  skips: [],
  causes: [],
};
