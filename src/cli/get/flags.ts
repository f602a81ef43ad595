// Translates curl's options into options of the client. Rejects invalid combinations before anything is sent.
import { readFile } from "node:fs/promises";
import type { ClientOptions, Protocol, QuicVersionName, UdpViaOptions } from "../../client/index.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import type { QlogDialect } from "../../host/qlog/options.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { CliError, describe, EXIT, usageError } from "../fail.ts";
import { headersFrom, protocolChoice } from "../proxy-flags.ts";
import { type CertificateFlags, clientCertificate } from "./client-certificate.ts";
import { connectToFrom } from "./connect-to.ts";
import type { DohLookup } from "./doh.ts";
import { CURL } from "./exit-codes.ts";
import { resolverFrom } from "./resolver.ts";

/** One -d or one of its variants. They are joined in the order given. */
export interface DataFlag {
  readonly kind: "data" | "binary" | "raw" | "urlencode";
  readonly value: string;
}

/** One -o or -O. They apply to the URLs in the order given. */
export type OutputFlag = { readonly path: string } | "remote";

export interface GetFlags extends CertificateFlags {
  readonly request?: string;
  readonly header?: readonly string[];
  /** Filled by all of -d, --data-binary, --data-raw and --data-urlencode. */
  readonly data?: readonly DataFlag[] | undefined;
  readonly form?: readonly string[];
  readonly uploadFile?: readonly string[];
  readonly get?: true;
  readonly head?: true;
  readonly range?: string;
  readonly continueAt?: string;
  readonly cookie?: readonly string[];
  readonly cookieJar?: string;
  readonly priority?: string;
  readonly referer?: string;
  readonly userAgent?: string;
  readonly user?: string;
  readonly location?: true;
  readonly maxRedirs?: number;
  readonly compressed?: true;
  /** Filled by -o and -O. */
  readonly outputs?: readonly OutputFlag[];
  readonly remoteNameAll?: true;
  readonly remoteHeaderName?: true;
  readonly outputDir?: string;
  readonly createDirs?: true;
  readonly dumpHeader?: string;
  readonly writeOut?: string;
  readonly include?: true;
  readonly fail?: true;
  readonly failWithBody?: true;
  readonly retry?: number;
  readonly retryDelay?: number;
  readonly retryMaxTime?: number;
  readonly retryConnrefused?: true;
  readonly retryAllErrors?: true;
  readonly parallel?: true;
  readonly silent?: true;
  readonly showError?: true;
  readonly verbose?: true;
  readonly trace?: true;
  readonly json?: true;
  readonly ipv4?: true;
  readonly ipv6?: true;
  readonly "http1.1"?: true;
  readonly http2?: true;
  readonly http3?: true;
  readonly http3Only?: true;
  readonly quicVersion?: QuicVersionName;
  readonly quicVersions?: readonly QuicVersionName[];
  readonly congestionControl?: CongestionControl;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly resolve?: readonly string[];
  readonly connectTo?: readonly string[];
  readonly dohUrl?: string;
  readonly hsts?: string;
  readonly altSvc?: string;
  readonly altSvcb?: boolean;
  readonly ipGeo?: string;
  readonly interface?: string;
  readonly happyEyeballsTimeoutMs?: number;
  /** True for the servers of the system. */
  readonly httpsRecords?: true | string;
  readonly viaUdp?: string;
  readonly viaHeader?: readonly string[];
  readonly "viaHttp1.1"?: true;
  readonly viaHttp2?: true;
  readonly viaHttp3Only?: true;
  readonly viaInsecure?: true;
  readonly connectTimeout?: number;
  readonly maxTime?: number;
  readonly keylog?: string;
  readonly qlog?: string;
  readonly qlogDialect?: QlogDialect;
}

export function protocolsFrom(flags: GetFlags): readonly Protocol[] {
  if (flags.viaUdp !== undefined) return ["h3"];
  if (flags["http1.1"]) return ["http/1.1"];
  if (flags.http2) return ["h2", "http/1.1"];
  if (flags.http3Only) return ["h3"];
  return ["h3", "h2", "http/1.1"];
}

/** Options for the client, except the key log, which is opened elsewhere. */
export async function clientOptionsFrom(flags: GetFlags, doh?: DohLookup): Promise<ClientOptions> {
  const { connectTimeout = 0 } = flags;
  return {
    protocols: protocolsFrom(flags),
    rejectUnauthorized: flags.insecure !== true,
    decompress: flags.compressed === true,
    ...(flags.cacert === undefined ? {} : { ca: await readPem(flags.cacert, CURL.certificateFile) }),
    ...(await clientCertificate(flags)),
    ...(flags.viaUdp === undefined ? {} : { udpVia: viaFrom(flags, flags.viaUdp) }),
    happyEyeballs: happyEyeballsFrom(flags),
    ...(connectTimeout === 0 ? {} : { connectTimeout: milliseconds(connectTimeout) }),
    quic: {
      ...(flags.quicVersion === undefined ? {} : { version: flags.quicVersion }),
      ...(flags.quicVersions === undefined ? {} : { versions: flags.quicVersions }),
      congestionControl: flags.congestionControl,
    },
    connectTo: connectToFrom(flags.connectTo ?? []),
    resolve: resolverFrom(flags.resolve ?? [], familyOf(flags), doh !== undefined),
    resolver: doh,
    ...(flags.altSvcb === true ? { experimental: { altSvcb: true } } : {}),
    ...(flags.ipGeo === undefined ? {} : { ipGeo: await ipGeoFrom(flags.ipGeo) }),
    // curl's marks for what a name may be.
    ...(flags.interface === undefined ? {} : { localAddress: flags.interface.replace(/^(?:if|host)!/, "") }),
  };
}

/** -4 or -6. */
export const familyOf = ({ ipv4, ipv6 }: GetFlags): 4 | 6 | undefined => (ipv4 ? 4 : ipv6 ? 6 : undefined);

/** An entry, or @FILE. */
async function ipGeoFrom(text: string): Promise<string> {
  return text.startsWith("@") ? readFile(text.slice(1), "utf8").catch(unreadable) : text;
}

/** The proxy of --via-udp. */
const viaFrom = (flags: GetFlags, url: string): UdpViaOptions => ({
  url,
  headers: headersFrom(flags.viaHeader ?? [], "--via-header"),
  client: {
    protocols: protocolChoice(flags["viaHttp1.1"], flags.viaHttp2, flags.viaHttp3Only),
    rejectUnauthorized: flags.viaInsecure !== true,
  },
});

/** Either option turns it on. */
function happyEyeballsFrom({ happyEyeballsTimeoutMs: delay, httpsRecords }: GetFlags): ClientOptions["happyEyeballs"] {
  if (delay === undefined && httpsRecords === undefined) return undefined;
  return {
    ...(delay === undefined ? {} : { attemptDelay: delay }),
    ...(httpsRecords === undefined ? {} : { httpsRecords: httpsRecords === true ? true : [httpsRecords] }),
  };
}

export const milliseconds = (seconds: number): number => Math.ceil(seconds * 1000);

export function urlFrom(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw new CliError("URL_INVALID", `${text} is not a URL`, { exitCode: CURL.malformedUrl });
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new CliError("SCHEME_UNSUPPORTED", `${url.protocol}// is not supported`, {
      exitCode: CURL.unsupportedProtocol,
      hint: "use https:// or http://",
    });
  }
  return url;
}

/** Throws if options contradict each other. */
export function checkCombinations(flags: GetFlags): void {
  const { quicVersion, quicVersions } = flags;
  if (quicVersion !== undefined && quicVersions?.includes(quicVersion) === false) {
    throw usageError(`--quic-version ${quicVersion} is not in --quic-versions`, "add it to the list");
  }
  const via = ["viaHeader", "viaHttp1.1", "viaHttp2", "viaHttp3Only", "viaInsecure"] as const;
  if (flags.viaUdp === undefined && via.some((name) => flags[name] !== undefined)) {
    throw usageError("the --via- options need a proxy", "add --via-udp URL");
  }
  const contentOptions = [
    ["-d", flags.get ? undefined : flags.data],
    ["-F", flags.form],
    ["-T", flags.uploadFile],
    ["-I", flags.head],
  ].flatMap(([option, value]) => (value === undefined ? [] : [option as string]));
  if (contentOptions.length > 1) throw usageError(`${contentOptions.join(" and ")} cannot be combined`);
  if (flags.get && (flags.form !== undefined || flags.uploadFile !== undefined)) {
    throw usageError("-G can only be combined with -d, not with -F or -T");
  }
  if (flags.remoteHeaderName && (flags.include || flags.head)) {
    throw usageError(`-J and ${flags.include ? "-i" : "-I"} cannot be combined`);
  }
  // The server could name any file, and its content would be appended.
  if (flags.remoteHeaderName && flags.continueAt !== undefined) throw usageError("-J and -C cannot be combined");
  if (flags.range !== undefined && flags.continueAt !== undefined) throw usageError("-r and -C cannot be combined");
}

/** `exitCode` is the exit code if the file is unusable. */
export async function readPem(path: string, exitCode: number = EXIT.usage): Promise<string> {
  const pem = await readFile(path, "utf8").catch((error: unknown) => {
    const { code, message, hint } = describe(error);
    throw new CliError(code, message, { exitCode, hint, cause: error });
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new CliError("CACERT_INVALID", `--cacert: ${path} contains no PEM certificate`, {
      exitCode,
    });
  }
  return pem;
}

/** Reports that a file named on the command line cannot be read. */
export function unreadable(error: unknown): never {
  const { code, message, hint } = describe(error);
  throw new CliError(code, message, { exitCode: CURL.readFailed, hint, cause: error });
}

export const isAddress = (text: string): boolean => ipVersion(text) !== undefined;
