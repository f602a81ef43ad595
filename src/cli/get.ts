import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import type { DataFlag, GetFlags, OutputFlag } from "./get/flags.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare get https://example.com/
  nagare get --trace https://example.com/            how the answer came, as a waterfall
  nagare get -o big.iso --http3-only https://example.com/big.iso
  nagare get -d name=value -H 'accept: application/json' https://example.com/form
  nagare get -k --resolve app.test:4433:127.0.0.1 https://app.test:4433/

With --trace and --json, what is known about the exchange is the output: the body is written with -o only.
Exit codes are curl's: 0 ok, 2 usage, 3 not a URL, 6 no such host, 7 no connection, 18 response cut short,
22 status 400 or above with -f, 23 output cannot be written, 26 input cannot be read, 28 timeout, 33 range ignored,
35 TLS, 47 too many redirects, 52 empty reply, 56 connection lost, 60 certificate refused, 61 content encoding,
92 HTTP/2 stream reset, 95 HTTP/3; 130 and 143 interrupted.
`;

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

/** The content of a request, in the order given, whichever option gave it. */
const dataOption = (flags: string, kind: DataFlag["kind"], help: string, into: { data: DataFlag[] }): Option =>
  new Option(flags, help).argParser((value: string) => {
    into.data.push({ kind, value });
    return value;
  });

export function registerGet(program: Command, io: Io): void {
  const given: { data: DataFlag[]; outputs: OutputFlag[] } = { data: [], outputs: [] };
  program
    .command("get")
    .summary("ask for a URL in curl's spelling, see how the answer came")
    .description("Ask for URLs over HTTP/3, HTTP/2 or HTTP/1.1, whichever the server speaks best.")
    .addArgument(new Argument("<url...>", "what to ask for; https:// unless it says otherwise"))
    .addOption(new Option("-X, --request <method>", "the method"))
    .addOption(
      new Option(
        "-H, --header <line>",
        'a header field, or @FILE of them; "Name:" leaves one out, "Name;" sends it empty',
      ).argParser(collect),
    )
    .addOption(dataOption("-d, --data <data>", "data", "POST this; @FILE reads a file, @- reads stdin", given))
    .addOption(dataOption("--data-binary <data>", "binary", "the same, with nothing stripped", given))
    .addOption(dataOption("--data-raw <data>", "raw", "the same, and @ means nothing", given))
    .addOption(
      dataOption("--data-urlencode <data>", "urlencode", "the same, encoded: content, name=content, name@FILE", given),
    )
    .addOption(
      new Option("-F, --form <name=content>", "POST multipart/form-data; @FILE, <FILE, ;type=, ;filename=").argParser(
        collect,
      ),
    )
    .addOption(new Option("-T, --upload-file <file>", "PUT this file; - is stdin, as it comes").argParser(collect))
    .addOption(new Option("-G, --get", "put what -d gives into the query, and GET"))
    .addOption(new Option("-I, --head", "ask for the head only"))
    .addOption(new Option("-r, --range <range>", "part of it, such as 0-99 or 500-"))
    .addOption(
      new Option("-C, --continue-at <offset>", "go on from there; - is where the output file ends").argParser(offset),
    )
    .addOption(new Option("-b, --cookie <data>", "name=value to send, or a file of cookies").argParser(collect))
    .addOption(new Option("-c, --cookie-jar <file>", "write all cookies to a file afterwards; - is stdout"))
    .addOption(new Option("-e, --referer <url>", "the referer to send; ;auto follows redirects"))
    .addOption(new Option("-A, --user-agent <name>", "the user-agent to send"))
    .addOption(new Option("-u, --user <user:password>", "basic authentication"))
    .addOption(new Option("-L, --location", "follow redirects"))
    .addOption(new Option("--max-redirs <count>", "so many at most, -1 for no limit; 50 by default").argParser(number))
    .addOption(new Option("--compressed", "ask for a compressed body, and decompress it"))
    .addOption(
      new Option("-o, --output <file>", "write the body to a file; - is stdout").argParser((path: string) => {
        given.outputs.push({ path });
      }),
    )
    .addOption(new Option("-O, --remote-name", "write it to a file named as in the URL"))
    .on("option:remote-name", () => void given.outputs.push("remote"))
    .addOption(new Option("--remote-name-all", "-O for every URL"))
    .addOption(new Option("-J, --remote-header-name", "with -O, the name that the server gives, if the file is new"))
    .addOption(new Option("--output-dir <folder>", "the folder of -o and -O"))
    .addOption(new Option("--create-dirs", "make the folders of -o and --output-dir"))
    .addOption(new Option("-D, --dump-header <file>", "write the heads to a file; - is stdout"))
    .addOption(
      new Option("-w, --write-out <format>", "print this afterwards: %{http_code}, %{time_total}, %header{name}, …"),
    )
    .addOption(new Option("-i, --include", "print every head before the body, and trailers after it"))
    .addOption(new Option("-f, --fail", "no body and exit code 22 when the status is 400 or above"))
    .addOption(new Option("--fail-with-body", "exit code 22 then, but the body all the same").conflicts("fail"))
    .addOption(
      new Option("--retry <count>", "try again after timeouts and 408, 429, 500, 502, 503, 504").argParser(number),
    )
    .addOption(new Option("--retry-delay <seconds>", "wait so long before; 1, 2, 4, … by default").argParser(seconds))
    .addOption(new Option("--retry-max-time <seconds>", "start no attempt after so long").argParser(seconds))
    .addOption(new Option("--retry-connrefused", "try again also when nothing listens"))
    .addOption(new Option("--retry-all-errors", "try again after any failure"))
    .addOption(new Option("-Z, --parallel", "ask for all URLs at once"))
    .addOption(new Option("-s, --silent", "no progress and no error messages"))
    .addOption(new Option("-S, --show-error", "error messages all the same"))
    .addOption(new Option("-v, --verbose", "print what is sent and received on stderr"))
    .addOption(new Option("--trace", "print a waterfall: lookup, handshake, request, first byte, transfer"))
    .addOption(new Option("--json", "print what is known as one JSON object per URL"))
    .addOption(new Option("-4, --ipv4", "IPv4 only").conflicts("ipv6"))
    .addOption(new Option("-6, --ipv6", "IPv6 only"))
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
    .action(async (urls: string[], flags: Omit<GetFlags, "data" | "outputs">) => {
      const { get } = await import("./get/get.ts");
      const { data, outputs } = given;
      await get(urls, { ...flags, data: data.length === 0 ? undefined : data, outputs }, io);
    });
}

/** As in curl, 0 is no limit. */
function seconds(value: string): number {
  const parsed = Number(value);
  if (value.trim() === "" || !(parsed >= 0 && parsed < 1e9))
    throw new InvalidArgumentError("It takes a number of seconds.");
  return parsed;
}

function number(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw new InvalidArgumentError("It takes a number.");
  return Number(value);
}

function offset(value: string): string {
  if (!/^(-|\d{1,15})$/.test(value)) throw new InvalidArgumentError("It takes a number of bytes, or -.");
  return value;
}
