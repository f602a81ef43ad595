import { Argument, type Command, Option } from "commander";
import type { Io } from "./io.ts";
import { addServerOptions, parseDuration, readSettings, type ServerFlags } from "./serve/flags.ts";

const HELP = `
Examples:
  nagare proxy http://127.0.0.1:3000               HTTP/3 in front of an application
  nagare proxy 3000 3001                           in front of two, which take turns
  nagare proxy 5173 --host-header origin           for a development server that checks its name
  nagare proxy -p 443 --cert cert.pem --key key.pem --http-port 80 https://origin.example

A port alone, or localhost, is this machine by IPv4 and IPv6. Hosts are passed on as the client named them over http, and are
the origin's own over https, unless --host-header says otherwise. Upgrades (WebSocket) are answered with 501.
When ready, prints the URL on a line of its own. SIGINT or SIGTERM lets requests finish; a second one quits.
Exit codes: 0 stopped in order, 1 failed, 2 usage or configuration.
`;

interface ProxyFlags extends ServerFlags {
  readonly connectTimeout: string;
  readonly headersTimeout: string;
  readonly bodyTimeout: string;
  readonly trustForwarded?: true;
  readonly hostHeader?: string;
  readonly cacert?: string;
  readonly insecure?: true;
}

export function registerProxy(program: Command, io: Io): void {
  const command = program
    .command("proxy")
    .summary("put HTTP/3 in front of an origin")
    .description("Pass requests over HTTP/1.1, HTTP/2 and HTTP/3 on to one origin, or to several that take turns.")
    .addArgument(new Argument("<origin...>", "http:// or https:// URL, host:port, or a port of this machine"));
  addServerOptions(command)
    .addOption(new Option("--connect-timeout <time>", "time to reach an origin").default("5s"))
    .addOption(new Option("--headers-timeout <time>", "time until it answers").default("60s"))
    .addOption(new Option("--body-timeout <time>", "time between two parts of its answer").default("5m"))
    .addOption(new Option("--host-header <host>", "the Host that origins see: client, origin, or a name"))
    .addOption(new Option("--cacert <file>", "trust the authorities in this PEM file for https origins, and no others"))
    .addOption(new Option("-k, --insecure", "accept any certificate of an https origin, and any impostor with it"))
    .addOption(new Option("--trust-forwarded", "believe Forwarded and X-Forwarded-* of a proxy in front of this one"))
    .addHelpText("after", HELP)
    .action(async (origins: string[], flags: ProxyFlags) => {
      const settings = readSettings(flags, io);
      const timeouts = {
        connectTimeout: parseDuration(flags.connectTimeout, "--connect-timeout"),
        headersTimeout: parseDuration(flags.headersTimeout, "--headers-timeout"),
        bodyTimeout: parseDuration(flags.bodyTimeout, "--body-timeout"),
      };
      const options = {
        ...timeouts,
        trustForwarded: flags.trustForwarded === true,
        hostHeader: flags.hostHeader,
        ca: flags.cacert === undefined ? undefined : await (await import("./get/flags.ts")).readPem(flags.cacert),
        rejectUnauthorized: flags.insecure !== true,
      };
      const { runServer } = await import("./serve/run.ts");
      await runServer(
        settings,
        async (log) => (await import("../edge/proxy/index.ts")).createProxy(origins, { ...options, log }),
        io,
      );
    });
}
