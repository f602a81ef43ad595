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
  causes: [
    {
      cause: "RFC 9112 §3.2: an invalid Host field gets a 400.",
      versions: ["h1"],
      tests: [
        'test/session.js › session() cookie option when "path" set to "/foo/bar" should not set cookie for "http://foo/bar" request',
      ],
    },
  ],
};
