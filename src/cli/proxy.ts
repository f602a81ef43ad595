import { Argument, type Command, Option } from "commander";
import type { Balance, HealthCheckOptions, OriginOptions } from "../edge/proxy/index.ts";
import { usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import { addServerOptions, parseDuration, readSettings, type ServerFlags } from "./serve/flags.ts";

const HELP = `
Examples:
  nagare proxy http://127.0.0.1:3000               HTTP/3 in front of an application
  nagare proxy 3000 3001                           two origins, which take turns
  nagare proxy 5173 --host-header origin           a development server that checks the host name
  nagare proxy 3000 3001 --health-check /healthz   skips an origin that does not answer with a 2xx or 3xx
  nagare proxy h2c://127.0.0.1:50051               gRPC
  nagare proxy unix:/run/app.sock                  a UNIX domain socket
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
  readonly timeout?: string;
  readonly tunnelTimeout: string;
  readonly balance: Balance;
  readonly healthCheck?: string;
  readonly healthInterval: string;
  readonly retries: string;
  readonly maxConnections: string;
  readonly originProxyProtocol?: string;
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
    .addOption(new Option("--timeout <time>", "limit for a whole request with its retries; none by default"))
    .addOption(new Option("--tunnel-timeout <time>", "limit for the silence of a WebSocket").default("1h"))
    .addOption(
      new Option(
        "--balance <how>",
        "round-robin, least-connections, or hashing by address, header:NAME or cookie:NAME",
      ).default("round-robin"),
    )
    .addOption(new Option("--health-check <path>", "skip origins that do not answer this path with a 2xx or 3xx"))
    .addOption(new Option("--health-interval <time>", "time between two health checks").default("5s"))
    .addOption(
      new Option("--retries <n>", "attempts after the first, for requests that may be sent again").default("3"),
    )
    .addOption(new Option("--max-connections <n>", "connections to each origin; more requests wait").default("256"))
    .addOption(new Option("--origin-proxy-protocol <version>", "tell origins the client's address: 1 or 2"))
    .addOption(new Option("--host-header <host>", "the Host that origins receive: client, origin, or a name"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file for https origins"))
    .addOption(new Option("-k, --insecure", "accept any certificate from https origins, even that of an impostor"))
    .addOption(new Option("--trust-forwarded", "trust Forwarded and X-Forwarded-* from everyone who can connect"))
    .addHelpText("after", HELP)
    .action(async (origins: string[], flags: ProxyFlags) => {
      const settings = readSettings(flags, io);
      const timeouts = {
        connectTimeout: parseDuration(flags.connectTimeout, "--connect-timeout"),
        headersTimeout: parseDuration(flags.headersTimeout, "--headers-timeout"),
        bodyTimeout: parseDuration(flags.bodyTimeout, "--body-timeout"),
        tunnelTimeout: parseDuration(flags.tunnelTimeout, "--tunnel-timeout"),
        timeout: flags.timeout === undefined ? undefined : parseDuration(flags.timeout, "--timeout"),
      };
      const options = {
        ...timeouts,
        balance: flags.balance,
        healthCheck: healthCheckOf(flags),
        retry: { attempts: wholeNumber(flags.retries, "--retries", 0) },
        maxConnections: wholeNumber(flags.maxConnections, "--max-connections", 1),
        trustedProxies: settings.trustedProxies,
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
            (await import("../edge/proxy/index.ts")).createProxy(withProxyProtocol(origins, flags), {
              ...options,
              log,
            }),
        },
        io,
      );
    });
}

function healthCheckOf({ healthCheck, healthInterval }: ProxyFlags): HealthCheckOptions | undefined {
  const interval = parseDuration(healthInterval, "--health-interval");
  return healthCheck === undefined ? undefined : { path: healthCheck, interval };
}

function withProxyProtocol(origins: readonly string[], { originProxyProtocol: text }: ProxyFlags): OriginOptions[] {
  if (text === undefined) return origins.map((url) => ({ url }));
  const proxyProtocol = text === "1" ? 1 : text === "2" ? 2 : undefined;
  if (proxyProtocol === undefined) throw usageError(`--origin-proxy-protocol ${text} is not a version`, "give 1 or 2");
  return origins.map((url) => ({ url, proxyProtocol }));
}

function wholeNumber(text: string, option: string, minimum: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= minimum) return number;
  throw usageError(`${option} ${text} is not a number`, `give a whole number of at least ${minimum}`);
}
