/** What of memcached's proxy tests cannot pass here, and why. */

/** Files that do not run. */
export const UNSUPPORTED: Readonly<Record<string, string>> = {
  proxyinternal: "mcp.internal needs memcached's own cache in the proxy process",
  proxyinternal2: "mcp.internal needs memcached's own cache in the proxy process",
  proxyintext: "it stores values of memcached's own cache on a disk",
  proxyintstats: "it counts commands of memcached's own cache",
  proxycron: "mcp.register_cron is not supported",
};

/** Lines that are taken out of a file, so that what follows them runs. */
export const LEFT_OUT: readonly { readonly file: string; readonly text: string; readonly reason: string }[] = [
  { file: "proxyfuncgen", text: "    test_logging();\n", reason: "a backend's own log option is not supported" },
];

/** Files that do not reach their end. */
export const STOPS: Readonly<Record<string, string>> = {
  proxyconfig: "it expects four worker threads, each with a connection to each backend",
  proxyunits:
    "it expects that a backend's ERROR ends the connection; here only if the request had a value, since else the answers stay in step",
};

export interface Cause {
  readonly file: string;
  readonly names: readonly string[] | "all";
  readonly cause: string;
}

const INTERNAL = "mcp.internal needs memcached's own cache in the proxy process";
const COUNTS = "`stats proxyfuncs` does not count functions and slots of handlers";

export const CAUSES: readonly Cause[] = [
  {
    file: "proxydepthlim",
    names: ["over-depth"],
    cause:
      "the limit counts requests that arrive together; memcached's counts only what it has sent, and lets a burst pass",
  },
  { file: "proxyfuncgen", names: ["basic func counts", "wait cond func counts"], cause: COUNTS },
  {
    file: "proxyfuncgen",
    names: ["slot generation failure"],
    cause:
      "a slot is free again as soon as its handler has ended, so that the second request of a pipeline needs no new one",
  },
  {
    file: "proxyins",
    names: [
      "mgintres 0b init",
      "flagtoken and flagint 0b",
      "flagtoken and flagint with 0b value returned",
      "mgintres 5b init",
      "flagtoken and flagint",
      "flagtoken and flagint with value returned",
    ],
    cause: INTERNAL,
  },
  {
    file: "proxylimits",
    names: ["buffer memory limit"],
    cause: "there is no buffer_memory_limit: clients wait instead",
  },
  {
    file: "proxyslotcache",
    names: ["excess slot freeing depth 1", "excess slot freeing depth 2", "excess slot freeing depth 3"],
    cause: COUNTS,
  },
  { file: "proxyslotcache", names: ["reload memory leaks"], cause: COUNTS },
  {
    file: "proxyunits",
    names: ["got backend error log line"],
    cause: "the event shows all that was not understood, memcached's only what follows the value",
  },
];
