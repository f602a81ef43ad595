import { type Command, Option } from "commander";
import { collect } from "./collect.ts";
import { type CliError, usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import type { MemcacheFlags } from "./memcache/flags.ts";

const HELP = `
Examples:
  nagare memcache -o proxy_config=proxy.lua                     memcached's own configuration, with simple or routelib
  nagare memcache -o proxy_config=routelib,proxy_arg=routes.lua the same, as memcached 1.6.38 spells it
  nagare memcache --config nagare.config.ts                     export default { memcache: { pools, routes } }
  nagare memcache --config pools.json --metrics-port 9465       with counters for Prometheus
  nagare memcache -p 11211 -l 0.0.0.0 -o proxy_config=proxy.lua on every address of this machine

Configurations in Lua need the package wasmoon: npm install wasmoon. docs/memcache.md describes both kinds.
When ready, prints the address on its own line. SIGINT or SIGTERM lets requests finish; a second one quits. A configuration
that changes, or SIGHUP, is read again: clients and connections to unchanged backends stay.
Exit codes: 0 stopped cleanly, 1 failed, 2 usage or configuration.
`;

export function registerMemcache(program: Command, io: Io): void {
  program
    .command("memcache")
    .summary("put a proxy in front of memcached servers")
    .description("Spread keys over memcached servers, with failover, replication and memcached's own configuration.")
    .addOption(
      new Option("-o, --option <option>", "proxy_config=FILE[,proxy_arg=FILE], as memcached takes it").argParser(
        collect,
      ),
    )
    .addOption(new Option("--config <file>", "a module or a JSON file with pools and routes"))
    .addOption(new Option("-p, --port <port>", "port; 0 chooses a free one").default("11211"))
    .addOption(
      new Option(
        "-l, --listen <address>",
        "address of this machine, with or without a port; tag_NAME_:ADDRESS:PORT has the routes of that tag; repeatable",
      ).argParser(collect),
    )
    .addOption(new Option("-s, --unix <path>", "a Unix socket instead of a port"))
    .addOption(new Option("-c, --max-connections <count>", "clients at a time").default("1024"))
    .addOption(new Option("-I, --max-item <bytes>", "the longest value").default("67108864"))
    .addOption(new Option("--cert <file>", "certificate chain for clients that use TLS"))
    .addOption(new Option("--key <file>", "its private key"))
    .addOption(new Option("--client-ca <file>", "clients must have a certificate of these authorities"))
    .addOption(new Option("--backend-ca <file>", "authorities for backends that use TLS"))
    .addOption(new Option("--backend-cert <file>", "certificate chain to show to backends"))
    .addOption(new Option("--backend-key <file>", "its private key"))
    .addOption(
      new Option("--dns-servers <list>", "name servers for pools that DNS names, instead of the system's; with commas"),
    )
    .addOption(new Option("--workers <n>", "serve with n processes on one port; auto: one per core"))
    .addOption(new Option("--metrics-port <port>", "serve /metrics, /healthz and /readyz over plain HTTP here"))
    .addOption(new Option("--metrics-host <host>", "the address of --metrics-port; 127.0.0.1 by default"))
    .addOption(new Option("--grace <time>", "time for active requests when stopping").default("10s"))
    .addOption(new Option("--no-watch", "read the configuration again only on SIGHUP"))
    .addOption(new Option("-v, --verbose", "log what happens to backends"))
    .addOption(new Option("--json", "print events as JSON lines"))
    .addHelpText("after", HELP)
    .action(async (flags: MemcacheFlags) => {
      if ((flags.option === undefined) === (flags.config === undefined)) throw missingConfig(flags);
      await (await import("./memcache/run.ts")).runMemcache(flags, io);
    });
}

const missingConfig = ({ config }: MemcacheFlags): CliError =>
  usageError(
    config === undefined ? "there is no configuration" : "there are two configurations",
    "give either -o proxy_config=FILE or --config FILE",
  );
