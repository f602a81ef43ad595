import { Argument, type Command, Option } from "commander";
import type { BenchFlags } from "./bench/flags.ts";
import { collect } from "./collect.ts";
import { congestionControlOption } from "./congestion-control.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare bench https://localhost:4433/                         10 seconds, 8 connections with 8 requests at once each
  nagare bench -r 2000 -D 30s https://localhost:4433/          2000 requests a second, whether or not the server keeps up
  nagare bench -n 100000 -c 100 -m 1 --protocol h2 https://localhost:4433/
  nagare bench -X POST --body-size 1M -k --json https://localhost:4433/upload

With --rate, latency counts from the time at which a request was due, also while it waits for a free connection; without, each
connection sends the next request when a response is complete. Percentiles are exact to 1 part in 128.
With --rate, one core is busy, so that requests start on time.
Ctrl-C ends the run, and prints what was measured so far.
Exit codes: 0 measured, 1 no connection or no response at all, 2 usage, 130 and 143 interrupted.
`;

export function registerBench(program: Command, io: Io): void {
  program
    .command("bench")
    .summary("put load on a server, and measure latency and throughput")
    .description("Put load on a server over HTTP/3, HTTP/2 or HTTP/1.1, and measure latency and throughput.")
    .addArgument(new Argument("<url>", "the URL to request; https:// if there is no scheme"))
    .addOption(new Option("-c, --connections <count>", "connections").default("8"))
    .addOption(
      new Option(
        "-m, --streams <count>",
        "requests at once on each connection (8; 1 over HTTP/1.1, which has no more)",
      ),
    )
    .addOption(new Option("-r, --rate <count>", "requests per second on all connections: an open loop"))
    .addOption(new Option("-D, --duration <time>", "stop after this time (10s, unless there is --requests)"))
    .addOption(new Option("-n, --requests <count>", "stop after this many requests"))
    .addOption(new Option("--protocol <name>", "the version of HTTP").choices(["h3", "h2", "http/1.1"]).default("h3"))
    .addOption(new Option("-X, --request <method>", "the request method; GET, or POST with content"))
    .addOption(new Option("-H, --header <line>", "a header field, such as 'accept: text/html'").argParser(collect))
    .addOption(new Option("-d, --data <data>", "send this content; @FILE reads a file").conflicts("bodySize"))
    .addOption(new Option("--body-size <size>", "send content of this size, such as 64k or 1M"))
    .addOption(new Option("--timeout <time>", "time limit for a response").default("30s"))
    .addOption(congestionControlOption())
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("--resolve <host:port:addr>", "use these addresses for a host and port").argParser(collect))
    .addOption(new Option("--json", "print the result as one JSON object"))
    .addHelpText("after", EXAMPLES)
    .action(async (url: string, flags: BenchFlags) => {
      const { bench } = await import("./bench/bench.ts");
      await bench(url, flags, io);
    });
}
