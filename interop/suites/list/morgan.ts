import type { Suite } from "../suite.ts";

export const morgan: Suite = {
  name: "morgan",
  repository: "expressjs/morgan",
  tag: "1.10.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/morgan.js"],
  skips: [],
  causes: [
    {
      cause: "The version is 3.0.",
      versions: ["h3"],
      tests: [
        "test/morgan.js › morgan() tokens :http-version should be 1.0 or 1.1",
        "test/morgan.js › morgan() formats combined should match expectations",
        "test/morgan.js › morgan() formats common should match expectations",
        "test/morgan.js › morgan() formats default should match expectations",
        "test/morgan.js › morgan() formats short should match expectations",
      ],
    },
    {
      cause: "The test measures time, which a busy machine lengthens.",
      tests: [
        "test/morgan.js › morgan() with buffer option should flush log periodically",
        "test/morgan.js › morgan() with buffer option should accept custom interval",
      ],
    },
  ],
};
