import { Argument, type Command, Option } from "commander";
import type { Io } from "./io.ts";
import { addServerOptions, parseDuration, readSettings, type ServerFlags } from "./serve/flags.ts";

const HELP = `
Examples:
  nagare proxy http://127.0.0.1:3000               HTTP/3 in front of an application
  nagare proxy 3000 3001                           two origins, which take turns
  nagare proxy 5173 --host-header origin           a development server that checks the host name
  nagare proxy -p 443 --cert cert.pem --key key.pem --http-port 80 https://origin.example

A port alone, or localhost, means this machine over IPv4 and IPv6. Unless --host-header says otherwise, http origins receive
the Host that the client sent, and https origins their own. WebSocket works from HTTP/1.1, HTTP/2 and HTTP/3 clients.
When ready, prints the URL on its own line. SIGINT or SIGTERM lets requests finish; a second one quits.
New files in place of --cert and --key are used within a second, or at once on SIGHUP.
Exit codes: 0 stopped cleanly, 1 failed, 2 usage or configuration.
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
    .description(
      "Accept HTTP/1.1, HTTP/2 and HTTP/3, and pass requests on to one origin, or to several that take turns.",
    )
    .addArgument(
      new Argument("<origin...>", "URL (http, https, h2, h2c, h3), unix:/path, host:port, or a port on this machine"),
    );
  addServerOptions(command)
    .addOption(new Option("--connect-timeout <time>", "limit for connecting to an origin").default("5s"))
    .addOption(new Option("--headers-timeout <time>", "limit for the response head").default("60s"))
    .addOption(new Option("--body-timeout <time>", "limit between two parts of the response body").default("5m"))
    .addOption(new Option("--host-header <host>", "the Host that origins receive: client, origin, or a name"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file for https origins"))
    .addOption(new Option("-k, --insecure", "accept any certificate from https origins, even that of an impostor"))
    .addOption(new Option("--trust-forwarded", "trust Forwarded and X-Forwarded-* from a proxy in front of this one"))
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
        {
          createService: async (log) =>
            (await import("../edge/proxy/index.ts")).createProxy(origins, { ...options, log }),
        },
        io,
      );
    });
}
