import type { Suite } from "../suite.ts";

export const bodyParser: Suite = {
  name: "body-parser",
  repository: "expressjs/body-parser",
  tag: "v2.3.0",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/body-parser.js", "test/json.js", "test/raw.js", "test/text.js", "test/urlencoded.js", "test/utils.js"],
  skips: [],
  causes: [
    {
      cause: "HTTP/3 has no chunked coding: a request that ends without content and content-length has no content.",
      versions: ["h3"],
      tests: [
        "test/json.js › bodyParser.json() should handle empty message-body",
        "test/raw.js › bodyParser.raw() should handle empty message-body",
        "test/text.js › bodyParser.text() should handle empty message-body",
        "test/urlencoded.js › bodyParser.urlencoded() should handle empty message-body",
      ],
    },
  ],
};
