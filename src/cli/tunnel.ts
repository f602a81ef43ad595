import { type Command, Option } from "commander";
import { collect } from "./collect.ts";
import type { Io } from "./io.ts";
import type { TunnelFlags } from "./tunnel/run.ts";

const HELP = `
Examples:
  nagare tunnel dns.example:53 --via https://proxy.example
  nagare tunnel example.com:443 --via 'https://proxy.example/masque{?target_host,target_port}' --listen 127.0.0.1:4443
  nagare tunnel '[2001:db8::1]:443' --via https://proxy.example -H 'proxy-authorization: Bearer TOKEN'

--via takes the URL of a proxy, or its URI Template (RFC 9298). When ready, prints the local address on its own line. Each
local client gets a tunnel of its own, which is closed after two minutes without a datagram. SIGINT or SIGTERM stops.
Exit codes: 0 stopped, 1 the proxy cannot be reached or refuses the target, or the port cannot be opened, 2 usage.
`;

export function registerTunnel(program: Command, io: Io): void {
  program
    .command("tunnel")
    .summary("open a local UDP port that leads to a target through a proxy")
    .description("Forward UDP to a target through an HTTP proxy (CONNECT-UDP), over HTTP/3, HTTP/2 or HTTP/1.1.")
    .argument("<target>", "host and port, such as example.com:443")
    .addOption(new Option("--via <url>", "the proxy: its URL or URI Template").makeOptionMandatory())
    .addOption(
      new Option("--listen <address:port>", "the local address; port 0 chooses a free one").default("127.0.0.1:0"),
    )
    .addOption(
      new Option("-H, --header <line>", "a field for the proxy, such as proxy-authorization").argParser(collect),
    )
    .addOption(new Option("--http1.1", "HTTP/1.1 only").conflicts(["http2", "http3Only"]))
    .addOption(new Option("--http2", "HTTP/2 only").conflicts("http3Only"))
    .addOption(new Option("--http3-only", "HTTP/3 only"))
    .addOption(new Option("-k, --insecure", "accept any certificate of the proxy, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("--json", "print events as JSON lines"))
    .addHelpText("after", HELP)
    .action(async (target: string, flags: TunnelFlags) => {
      await (await import("./tunnel/run.ts")).runTunnel(target, flags, io);
    });
}
