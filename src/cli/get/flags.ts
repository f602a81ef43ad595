// From curl's spelling to what the client understands. Whatever makes no sense is said here, before anything is sent.
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { ClientOptions, FetchInit, Protocol } from "../../client/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { CliError, describe, EXIT, usageError } from "../fail.ts";
import type { Io } from "../io.ts";

export interface GetFlags {
  readonly request?: string;
  readonly header?: readonly string[];
  readonly data?: readonly string[];
  readonly dataBinary?: readonly string[];
  readonly head?: true;
  readonly range?: string;
  readonly userAgent?: string;
  readonly user?: string;
  readonly location?: true;
  readonly compressed?: true;
  readonly output?: readonly string[];
  readonly remoteName?: true;
  readonly include?: true;
  readonly fail?: true;
  readonly parallel?: true;
  readonly silent?: true;
  readonly verbose?: true;
  readonly trace?: true;
  readonly json?: true;
  readonly "http1.1"?: true;
  readonly http2?: true;
  readonly http3?: true;
  readonly http3Only?: true;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly resolve?: readonly string[];
  readonly connectTimeout?: number;
  readonly maxTime?: number;
  readonly keylog?: string;
}

export function protocolsFrom(flags: GetFlags): readonly Protocol[] {
  if (flags["http1.1"]) return ["http/1.1"];
  if (flags.http2) return ["h2", "http/1.1"];
  if (flags.http3Only) return ["h3"];
  return ["h3", "h2", "http/1.1"];
}

/** What the client is made with. The key log is opened elsewhere. */
export async function clientOptionsFrom(flags: GetFlags): Promise<ClientOptions> {
  const { connectTimeout, resolve = [] } = flags;
  return {
    protocols: protocolsFrom(flags),
    rejectUnauthorized: flags.insecure !== true,
    decompress: flags.compressed === true,
    ...(flags.cacert === undefined ? {} : { ca: await readPem(flags.cacert) }),
    ...(connectTimeout === undefined ? {} : { connectTimeout: milliseconds("--connect-timeout", connectTimeout) }),
    ...(resolve.length === 0 ? {} : { resolve: resolverFrom(resolve) }),
  };
}

export function milliseconds(option: string, seconds: number): number {
  if (!Number.isFinite(seconds) || seconds <= 0) throw usageError(`${option} takes a number of seconds above 0`);
  return Math.ceil(seconds * 1000);
}

export function urlFrom(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw usageError(`${text} is not a URL`);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw usageError(`${url.protocol}// is not spoken here`, "use https:// or http://");
  }
  return url;
}

export async function requestFrom(url: URL, flags: GetFlags, io: Io): Promise<{ url: URL; init: FetchInit }> {
  const headers = new Headers();
  const body = await dataFrom(flags, io);
  if (body !== undefined) headers.set("content-type", "application/x-www-form-urlencoded");
  if (flags.userAgent !== undefined) headers.set("user-agent", flags.userAgent);
  if (flags.range !== undefined) headers.set("range", rangeFrom(flags.range));
  const user = flags.user ?? userOf(url);
  if (user !== undefined) headers.set("authorization", `Basic ${Buffer.from(user).toString("base64")}`);
  addHeaders(headers, flags.header ?? []);
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return {
    url: bare,
    init: {
      method: flags.request ?? (body === undefined ? (flags.head ? "HEAD" : "GET") : "POST"),
      headers,
      redirect: flags.location ? "follow" : "manual",
      ...(body === undefined ? {} : { body }),
    },
  };
}

/** What -H says replaces what is sent by default; said twice, it is sent twice; `Name:` leaves it out. */
function addHeaders(headers: Headers, lines: readonly string[]): void {
  const given = new Headers();
  for (const line of lines) {
    const match = /^([^:;\s]+)\s*([:;])\s*(.*)$/s.exec(line);
    if (match === null) throw usageError(`-H takes "Name: value", not "${line}"`);
    const [, name, separator, value] = match as unknown as [string, string, string, string];
    try {
      if (separator === ":" && value === "") headers.delete(name);
      else given.append(name, value);
    } catch {
      throw usageError(`-H cannot send "${line}"`);
    }
  }
  for (const [name, value] of given) headers.set(name, value);
}

function rangeFrom(range: string): string {
  if (!/^(\d+-\d*|-\d+)(,(\d+-\d*|-\d+))*$/.test(range))
    throw usageError(`-r takes a range such as 0-99, not "${range}"`);
  return `bytes=${range}`;
}

function userOf(url: URL): string | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
}

/** Several -d are joined with &, as curl does; -d strips line breaks from a file, --data-binary nothing. */
async function dataFrom(flags: GetFlags, io: Io): Promise<Uint8Array | undefined> {
  const parts = [
    ...(flags.data ?? []).map((value) => ({ value, strip: true })),
    ...(flags.dataBinary ?? []).map((value) => ({ value, strip: false })),
  ];
  if (parts.length === 0) return undefined;
  const pieces: Uint8Array[] = [];
  for (const { value, strip } of parts) {
    if (pieces.length > 0) pieces.push(Buffer.from("&"));
    if (!value.startsWith("@")) {
      pieces.push(Buffer.from(value));
      continue;
    }
    const path = value.slice(1);
    const content = path === "-" ? await buffer(io.stdin) : await readFile(path).catch(asUsage);
    pieces.push(strip ? Buffer.from(content.toString("latin1").replace(/[\r\n\0]/g, ""), "latin1") : content);
  }
  return Buffer.concat(pieces);
}

export async function readPem(path: string): Promise<string> {
  const pem = await readFile(path, "utf8").catch(asUsage);
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw usageError(`--cacert: ${path} holds no PEM certificate`);
  return pem;
}

/** A file named on the command line that cannot be read is a mistake on the command line. */
function asUsage(error: unknown): never {
  const { code, message, hint } = describe(error);
  throw new CliError(code, message, { exitCode: EXIT.usage, hint, cause: error });
}

function resolverFrom(entries: readonly string[]): NonNullable<ClientOptions["resolve"]> {
  const known = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const match = /^(\[[^\]]+\]|[^:]+):(\d+):(.+)$/.exec(entry);
    const addresses = match?.[3]?.split(",").map((each) => each.replace(/^\[(.*)\]$/, "$1"));
    if (match === null || addresses?.some((each) => ipVersion(each) === undefined)) {
      throw usageError(`--resolve takes HOST:PORT:ADDRESS, not "${entry}"`);
    }
    known.set(`${match[1]!.toLowerCase()}:${match[2]}`, addresses!);
  }
  return (hostname, port) => known.get(`${hostname}:${port}`) ?? known.get(`*:${port}`);
}
