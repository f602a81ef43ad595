import type { Suite } from "../suite.ts";

export const onFinished: Suite = {
  name: "on-finished",
  repository: "jshttp/on-finished",
  tag: "v2.4.1",
  runner: "mocha",
  args: ["--check-leaks"],
  files: ["test/test.js"],
  skips: [],
  causes: [
    {
      cause: "The next request of an HTTP/1.1 pipeline begins when the response before it has ended.",
      versions: ["h1"],
      tests: [
        "test/test.js › onFinished(res, listener) when requests pipelined should fire for each request",
        "test/test.js › isFinished(res) when requests pipelined should have correct state when socket shared",
        "test/test.js › isFinished(res) when requests pipelined should handle aborted requests",
        "test/test.js › onFinished(req, listener) when requests pipelined should handle socket errors",
      ],
    },
    {
      cause:
        "The client closes its connection with the gateway when the server, but not yet the gateway, has finished the response.",
      versions: ["h3"],
      tests: ["test/test.js › onFinished(res, listener) when requests pipelined should fire for each request"],
    },
  ],
};
