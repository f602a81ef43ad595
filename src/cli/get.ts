import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { collect } from "./collect.ts";
import { congestionControlOption } from "./congestion-control.ts";
import type { DataFlag, GetFlags, OutputFlag } from "./get/flags.ts";
import { priorityOption } from "./get/priority.ts";
import type { Io } from "./io.ts";
import { qlogDialectOption, qlogOption } from "./qlog.ts";
import { quicVersionOption, quicVersionsOption } from "./quic-versions.ts";

const EXAMPLES = `
Examples:
  nagare get https://example.com/
  nagare get --trace https://example.com/            a waterfall of how the response arrived
  nagare get -o big.iso --http3-only https://example.com/big.iso
  nagare get -d name=value -H 'accept: application/json' https://example.com/form
  nagare get -k --resolve app.test:4433:127.0.0.1 https://app.test:4433/

With --trace and --json, stdout carries facts about the exchange; the body is written only with -o.
Exit codes are curl's: 0 ok, 2 usage, 3 not a URL, 6 no such host, 7 no connection, 18 response cut short,
22 status 400 or above with -f, 23 output cannot be written, 26 input cannot be read, 28 timeout, 33 range ignored,
35 TLS, 47 too many redirects, 52 empty reply, 56 connection lost, 60 certificate rejected, 61 content encoding,
92 HTTP/2 stream reset, 95 HTTP/3; 130 and 143 interrupted.
`;

/** Collects the content of a request in the order of the options, whichever of them supplies it. */
const dataOption = (flags: string, kind: DataFlag["kind"], help: string, into: { data: DataFlag[] }): Option =>
  new Option(flags, help).argParser((value: string) => {
    into.data.push({ kind, value });
    return value;
  });

export function registerGet(program: Command, io: Io): void {
  const given: { data: DataFlag[]; outputs: OutputFlag[] } = { data: [], outputs: [] };
  program
    .command("get")
    .summary("fetch a URL with curl's options, and show what happened")
    .description("Fetch URLs over HTTP/3, HTTP/2 or HTTP/1.1, preferring the newest version that the server supports.")
    .addArgument(new Argument("<url...>", "the URLs to fetch; https:// if there is no scheme"))
    .addOption(new Option("-X, --request <method>", "the request method"))
    .addOption(
      new Option(
        "-H, --header <line>",
        'a header field, or @FILE with one per line; "Name:" removes it, "Name;" sends it empty',
      ).argParser(collect),
    )
    .addOption(dataOption("-d, --data <data>", "data", "POST this; @FILE reads a file, @- reads stdin", given))
    .addOption(dataOption("--data-binary <data>", "binary", "like -d, but without stripping line breaks", given))
    .addOption(dataOption("--data-raw <data>", "raw", "like -d, but @ has no special meaning", given))
    .addOption(
      dataOption(
        "--data-urlencode <data>",
        "urlencode",
        "like -d, but encoded: content, name=content, name@FILE",
        given,
      ),
    )
    .addOption(
      new Option("-F, --form <name=content>", "POST multipart/form-data; @FILE, <FILE, ;type=, ;filename=").argParser(
        collect,
      ),
    )
    .addOption(new Option("-T, --upload-file <file>", "PUT this file; - streams stdin").argParser(collect))
    .addOption(new Option("-G, --get", "put the data of -d into the query, and use GET"))
    .addOption(new Option("-I, --head", "send HEAD, and print the response head"))
    .addOption(new Option("-r, --range <range>", "request only these bytes, such as 0-99 or 500-"))
    .addOption(
      new Option("-C, --continue-at <offset>", "resume from this byte; - means the end of the output file").argParser(
        offset,
      ),
    )
    .addOption(new Option("-b, --cookie <data>", "name=value to send, or a cookie file to read").argParser(collect))
    .addOption(new Option("-c, --cookie-jar <file>", "write all cookies to a file at the end; - is stdout"))
    .addOption(new Option("-e, --referer <url>", "the referer to send; with ;auto, updated by redirects"))
    .addOption(new Option("-A, --user-agent <name>", "the user-agent to send"))
    .addOption(
      new Option(
        "--priority <value>",
        'ask for an urgency from 0 (first) to 7, and for pieces: "u=1", "i" or "u=5, i" (RFC 9218)',
      ).argParser(priorityOption),
    )
    .addOption(new Option("-u, --user <user:password>", "basic authentication"))
    .addOption(new Option("-L, --location", "follow redirects"))
    .addOption(
      new Option("--max-redirs <count>", "maximum number of redirects, -1 for no limit; 50 by default").argParser(
        number,
      ),
    )
    .addOption(new Option("--compressed", "request a compressed body, and decompress it"))
    .addOption(
      new Option("-o, --output <file>", "write the body to a file; - is stdout").argParser((path: string) => {
        given.outputs.push({ path });
      }),
    )
    .addOption(new Option("-O, --remote-name", "write the body to a file named as in the URL"))
    .on("option:remote-name", () => void given.outputs.push("remote"))
    .addOption(new Option("--remote-name-all", "use -O for every URL"))
    .addOption(new Option("-J, --remote-header-name", "with -O, use the name that the server gives; never overwrites"))
    .addOption(new Option("--output-dir <folder>", "the folder for -o and -O"))
    .addOption(new Option("--create-dirs", "create missing folders for -o and --output-dir"))
    .addOption(new Option("-D, --dump-header <file>", "write the response heads to a file; - is stdout"))
    .addOption(
      new Option("-w, --write-out <format>", "print this at the end: %{http_code}, %{time_total}, %header{name}, …"),
    )
    .addOption(new Option("-i, --include", "print response heads before the body, and trailers after it"))
    .addOption(new Option("-f, --fail", "print no body and exit with 22 if the status is 400 or above"))
    .addOption(new Option("--fail-with-body", "like -f, but print the body").conflicts("fail"))
    .addOption(
      new Option("--retry <count>", "retry after timeouts and status 408, 429, 500, 502, 503, 504").argParser(number),
    )
    .addOption(
      new Option("--retry-delay <seconds>", "wait this long before each retry; 1, 2, 4, … by default").argParser(
        seconds,
      ),
    )
    .addOption(new Option("--retry-max-time <seconds>", "start no new attempt after this time").argParser(seconds))
    .addOption(new Option("--retry-connrefused", "also retry if the connection is refused"))
    .addOption(new Option("--retry-all-errors", "retry after any failure"))
    .addOption(new Option("-Z, --parallel", "fetch all URLs at once"))
    .addOption(new Option("-s, --silent", "print no progress and no error messages"))
    .addOption(new Option("-S, --show-error", "with -s, still print error messages"))
    .addOption(new Option("-v, --verbose", "print what is sent and received on stderr"))
    .addOption(new Option("--trace", "print a waterfall: lookup, handshake, request, first byte, transfer"))
    .addOption(new Option("--json", "print the facts as one JSON object per URL"))
    .addOption(new Option("-4, --ipv4", "IPv4 only").conflicts("ipv6"))
    .addOption(new Option("-6, --ipv6", "IPv6 only"))
    .addOption(new Option("--http1.1", "HTTP/1.1 only").conflicts(["http2", "http3", "http3Only"]))
    .addOption(
      new Option("--http2", "HTTP/2, or HTTP/1.1 if the server has no HTTP/2").conflicts(["http3", "http3Only"]),
    )
    .addOption(new Option("--http3", "try HTTP/3 first, then the others; the default").conflicts("http3Only"))
    .addOption(new Option("--http3-only", "HTTP/3 only"))
    .addOption(quicVersionOption())
    .addOption(quicVersionsOption())
    .addOption(congestionControlOption())
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("-E, --cert <file>", "send this certificate (PEM) to servers that ask for one"))
    .addOption(new Option("--key <file>", "the private key of --cert, if it is not in the same file"))
    .addOption(new Option("--pass <phrase>", "the passphrase of the key"))
    .addOption(new Option("--resolve <host:port:addr>", "use these addresses for a host and port").argParser(collect))
    .addOption(
      new Option(
        "--connect-to <host1:port1:host2:port2>",
        "connect to host2 and port2 for URLs of host1 and port1",
      ).argParser(collect),
    )
    .addOption(new Option("--interface <name>", "connect from this address of this machine, or from this interface"))
    .addOption(
      new Option(
        "--ip-geo <entry>",
        "where this machine's address is used, as an entry of a geofeed or @FILE, for servers that ask (Sec-CH-IP-Geo)",
      ),
    )
    .addOption(new Option("--doh-url <url>", "look names up by DNS over HTTPS at this URL, HTTPS records too"))
    .addOption(
      new Option(
        "--alt-svc <file>",
        "follow and note alternative services (Alt-Svc), kept in this file in curl's format",
      ),
    )
    .addOption(
      new Option(
        "--alt-svcb",
        "follow the hosts that servers name in Alt-SvcB (Plan B, experimental); with --doh-url or --https-records",
      ),
    )
    .addOption(new Option("--hsts <file>", "obey and note which hosts are only reached over TLS, in curl's format"))
    .addOption(
      new Option(
        "--happy-eyeballs-timeout-ms <ms>",
        "try the next address after this long, without giving up the one before (Happy Eyeballs)",
      ).argParser(number),
    )
    .addOption(
      new Option(
        "--https-records [server]",
        "race addresses, and ask this name server, or the system's, for HTTPS records",
      ),
    )
    .addOption(
      new Option("--via-udp <url>", "HTTP/3 through this proxy (CONNECT-UDP): its URL or URI Template").conflicts([
        "http1.1",
        "http2",
        "happyEyeballsTimeoutMs",
        "httpsRecords",
      ]),
    )
    .addOption(new Option("--via-header <line>", "with --via-udp, a field for the proxy").argParser(collect))
    .addOption(
      new Option("--via-http1.1", "with --via-udp, HTTP/1.1 to the proxy").conflicts(["viaHttp2", "viaHttp3Only"]),
    )
    .addOption(new Option("--via-http2", "with --via-udp, HTTP/2 to the proxy").conflicts("viaHttp3Only"))
    .addOption(new Option("--via-http3-only", "with --via-udp, HTTP/3 to the proxy"))
    .addOption(new Option("--via-insecure", "with --via-udp, accept any certificate of the proxy"))
    .addOption(
      new Option("--connect-timeout <seconds>", "limit for lookup, connection and handshake").argParser(seconds),
    )
    .addOption(new Option("-m, --max-time <seconds>", "limit for the whole transfer").argParser(seconds))
    .addOption(new Option("--keylog <file>", "append the TLS keys, for Wireshark; also set by SSLKEYLOGFILE"))
    .addOption(qlogOption())
    .addOption(qlogDialectOption())
    .addHelpText("after", EXAMPLES)
    .action(async (urls: string[], flags: Omit<GetFlags, "data" | "outputs">) => {
      const { get } = await import("./get/get.ts");
      const { data, outputs } = given;
      await get(urls, { ...flags, data: data.length === 0 ? undefined : data, outputs }, io);
    });
}

/** As in curl, 0 means no limit. */
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
