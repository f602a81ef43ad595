import { Argument, type Command, Option } from "commander";
import type { DnsQueryFlags } from "./dns/query.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare dns query example.com HTTPS                       the system's servers
  nagare dns query example.com AAAA @9.9.9.9 --trace
  nagare dns query example.com HTTPS @dns.example --https  DNS over HTTPS, over HTTP/3 if the server has it
  nagare dns query _8443._https.example.com HTTPS @::1 -p 5353

Exit codes: 0 an answer, also one that says that there are no records; 1 no server answered; 2 usage.
`;

export function registerDns(program: Command, io: Io): void {
  const dns = program
    .command("dns")
    .summary("ask DNS servers")
    .description("Ask DNS servers.")
    .addHelpText("after", EXAMPLES);
  dns
    .command("query")
    .summary("ask for the records of a name")
    .description("Ask for the records of a name, and print them as in a zone file.")
    .addArgument(new Argument("<name>", "the name, absolute with or without its last dot"))
    .addArgument(new Argument("[type-and-server...]", "a type, A by default, and @SERVER, in any order"))
    .addOption(new Option("-p, --port <port>", "the server's port"))
    .addOption(new Option("--tcp", "ask over TCP at once").conflicts(["tls", "https"]))
    .addOption(new Option("--tls", "DNS over TLS (RFC 7858)").conflicts("https"))
    .addOption(new Option("--https [path]", "DNS over HTTPS (RFC 8484), at /dns-query by default"))
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
}
