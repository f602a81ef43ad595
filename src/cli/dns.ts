import { Argument, type Command, Option } from "commander";
import type { DnsQueryFlags } from "./dns/query.ts";
import type { DnsServeFlags } from "./dns/serve.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare dns query example.com HTTPS                       the system's servers
  nagare dns query example.com AAAA @9.9.9.9 --trace
  nagare dns query example.com HTTPS @dns.example --https  DNS over HTTPS, over HTTP/3 if the server has it
  nagare dns query example.com A @dns.example --quic       DNS over QUIC
  nagare dns query _8443._https.example.com HTTPS @::1 -p 5353

Exit codes: 0 an answer, also one that says that there are no records; 1 no server answered; 2 usage.
`;

const SERVE_EXAMPLES = `
Examples:
  nagare dns serve example.test.zone
  nagare dns serve example.test=zones/main.txt --tls --https --log
  nagare dns query example.test HTTPS @127.0.0.1 -p 8053

A zone is ORIGIN=FILE, or a file named ORIGIN.zone or db.ORIGIN. Changed files are loaded within a second, and on SIGHUP; if one
is broken, the previous zones stay. Prints where it listens, one place per line. SIGINT or SIGTERM stops.
Exit codes: 0 stopped; 1 a port cannot be used; 2 usage, or a zone file cannot be used.
`;

export function registerDns(program: Command, io: Io): void {
  const dns = program
    .command("dns")
    .summary("ask DNS servers, or be one")
    .description("Ask DNS servers, or be an authoritative one for zone files.")
    .addHelpText("after", "\nExamples:\n  nagare dns query example.com HTTPS\n  nagare dns serve example.test.zone\n");
  dns
    .command("query")
    .summary("ask for the records of a name")
    .description("Ask for the records of a name, and print them as in a zone file.")
    .addArgument(new Argument("<name>", "the name, absolute with or without its last dot"))
    .addArgument(new Argument("[type-and-server...]", "a type, A by default, and @SERVER, in any order"))
    .addOption(new Option("-p, --port <port>", "the server's port"))
    .addOption(new Option("--tcp", "ask over TCP at once").conflicts(["tls", "https", "quic"]))
    .addOption(new Option("--tls", "DNS over TLS (RFC 7858)").conflicts(["https", "quic"]))
    .addOption(new Option("--https [path]", "DNS over HTTPS (RFC 8484), at /dns-query by default").conflicts("quic"))
    .addOption(new Option("--quic", "DNS over QUIC (RFC 9250)"))
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("--timeout <seconds>", "time before a server is asked again; 1 by default"))
    .addOption(new Option("--trace", "print each query and what became of it"))
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, words: readonly string[], flags: DnsQueryFlags) => {
      const { dnsQuery } = await import("./dns/query.ts");
      await dnsQuery(name, words, flags, io);
    });
  dns
    .command("serve")
    .summary("serve zone files")
    .description("Serve zone files as an authoritative name server, for tests, laboratories and local development.")
    .argument("<zone...>", "zone files")
    .addOption(new Option("-p, --port <port>", "of UDP and TCP; 0 picks a free one").default("8053"))
    .addOption(
      new Option("-H, --listen <address>", "the address or name to listen on; :: means all").default("127.0.0.1"),
    )
    .addOption(new Option("--tls [port]", "also DNS over TLS and QUIC; on port 8853 by default"))
    .addOption(new Option("--https [port]", "also DNS over HTTPS at /dns-query; on port 8443 by default"))
    .addOption(new Option("--cert <file>", "PEM: the certificate with its chain; a development certificate by default"))
    .addOption(new Option("--key <file>", "PEM: the certificate's key"))
    .addOption(new Option("--no-watch", "do not load changed files; SIGHUP still does"))
    .addOption(new Option("--log", "print a line for each query"))
    .addOption(new Option("--json", "print events as JSON lines, with one for each query"))
    .addHelpText("after", SERVE_EXAMPLES)
    .action(async (zones: readonly string[], flags: DnsServeFlags) => {
      const { dnsServe } = await import("./dns/serve.ts");
      await dnsServe(zones, flags, io);
    });
}
