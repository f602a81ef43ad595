import { Argument, type Command, Option } from "commander";
import type { GetFlags } from "./get/flags.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare get https://example.com/
  nagare get --trace https://example.com/            how the answer came, as a waterfall
  nagare get -o big.iso --http3-only https://example.com/big.iso
  nagare get -d name=value -H 'accept: application/json' https://example.com/form
  nagare get -k --resolve app.test:4433:127.0.0.1 https://app.test:4433/

With --trace and --json, what is known about the exchange is the output: the body is written with -o only.
Exit codes: 0 ok, 1 failed, 2 usage, 22 status 400 or above with -f, 130 and 143 interrupted.
`;

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];

export function registerGet(program: Command, io: Io): void {
  program
    .command("get")
    .summary("ask for a URL in curl's spelling, see how the answer came")
    .description("Ask for URLs over HTTP/3, HTTP/2 or HTTP/1.1, whichever the server speaks best.")
    .addArgument(new Argument("<url...>", "what to ask for; https:// unless it says otherwise"))
    .addOption(new Option("-X, --request <method>", "the method"))
    .addOption(new Option("-H, --header <line>", 'a header field; "Name:" leaves one out').argParser(collect))
    .addOption(new Option("-d, --data <data>", "POST this; @FILE reads a file, @- reads stdin").argParser(collect))
    .addOption(new Option("--data-binary <data>", "the same, with nothing stripped").argParser(collect))
    .addOption(new Option("-I, --head", "ask for the head only").conflicts(["data", "dataBinary"]))
    .addOption(new Option("-r, --range <range>", "part of it, such as 0-99 or 500-"))
    .addOption(new Option("-A, --user-agent <name>", "the user-agent to send"))
    .addOption(new Option("-u, --user <user:password>", "basic authentication"))
    .addOption(new Option("-L, --location", "follow redirects"))
    .addOption(new Option("--compressed", "ask for a compressed body, and decompress it"))
    .addOption(new Option("-o, --output <file>", "write the body to a file; - is stdout").argParser(collect))
    .addOption(new Option("-O, --remote-name", "write it to a file named as in the URL"))
    .addOption(new Option("-i, --include", "print the head before the body"))
    .addOption(new Option("-f, --fail", "no body and exit code 22 when the status is 400 or above"))
    .addOption(new Option("-Z, --parallel", "ask for all URLs at once"))
    .addOption(new Option("-s, --silent", "no progress and no error messages"))
    .addOption(new Option("-v, --verbose", "print what is sent and received on stderr"))
    .addOption(new Option("--trace", "print a waterfall: lookup, handshake, request, first byte, transfer"))
    .addOption(new Option("--json", "print what is known as one JSON object per URL"))
    .addOption(new Option("--http1.1", "HTTP/1.1 only").conflicts(["http2", "http3", "http3Only"]))
    .addOption(new Option("--http2", "HTTP/2, or HTTP/1.1 where there is none").conflicts(["http3", "http3Only"]))
    .addOption(new Option("--http3", "HTTP/3 first, then the others; the default").conflicts("http3Only"))
    .addOption(new Option("--http3-only", "HTTP/3 or nothing"))
    .addOption(new Option("-k, --insecure", "accept any certificate, and any impostor with it"))
    .addOption(new Option("--cacert <file>", "trust the authorities in this PEM file, and no others"))
    .addOption(new Option("--resolve <host:port:addr>", "use these addresses for a host and port").argParser(collect))
    .addOption(
      new Option("--connect-timeout <seconds>", "time for lookup, connection and handshake").argParser(seconds),
    )
    .addOption(new Option("-m, --max-time <seconds>", "time for everything").argParser(seconds))
    .addOption(new Option("--keylog <file>", "append the TLS keys, for Wireshark; also by SSLKEYLOGFILE"))
    .addHelpText("after", EXAMPLES)
    .action(async (urls: string[], flags: GetFlags) => {
      const { get } = await import("./get/get.ts");
      await get(urls, flags, io);
    });
}

function seconds(value: string): number {
  const parsed = Number(value);
  // A value that makes no sense is kept as NaN for flags.ts to speak of, with the option's name.
  return value.trim() === "" || parsed < 0 ? Number.NaN : parsed;
}
