import type { Suite } from "../suite.ts";

export const multer: Suite = {
  name: "multer",
  repository: "expressjs/multer",
  tag: "v2.1.1",
  runner: "mocha",
  args: ["--check-leaks", "--exit"],
  files: [
    "test/_util.js",
    "test/async-file-filter-orphan.js",
    "test/def-param-charset.js",
    "test/disk-storage.js",
    "test/error-handling.js",
    "test/expected-files.js",
    "test/express-integration.js",
    "test/fields.js",
    "test/file-filter.js",
    "test/file-ordering.js",
    "test/functionality.js",
    "test/issue-232.js",
    "test/memory-storage.js",
    "test/none.js",
    "test/reuse-middleware.js",
    "test/select-field.js",
    "test/unicode.js",
  ],
  skips: [],
  causes: [
    {
      cause: "The test aborts a request after 50 ms, before a busy machine has sent it through the gateway.",
      versions: ["h3"],
      tests: [
        "test/async-file-filter-orphan.js › async fileFilter cleanup does not leave orphan files when request aborts with missing field name",
        "test/error-handling.js › Error Handling should not hang when client aborts multipart upload",
      ],
    },
  ],
};
