// -w: text about the transfer, in curl's format: %{variable}, %header{name}, \n, %%.
import { readFileSync } from "node:fs";
import type { Field, Protocol } from "../../client/index.ts";
import { usageError } from "../fail.ts";

/** Facts about a finished transfer, for -w. Times are milliseconds since it began. */
export interface TransferReport {
  readonly index: number;
  /** The URL as typed on the command line. */
  readonly givenUrl: string;
  readonly url: URL;
  readonly method: string;
  readonly referer: string | null;
  readonly output: string | undefined;
  readonly status: number | undefined;
  readonly fields: readonly Field[];
  readonly protocol: Protocol | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly connects: number;
  readonly redirects: number;
  readonly redirectUrl: string | undefined;
  readonly contentBytes: number;
  readonly headBytes: number;
  readonly uploadBytes: number;
  readonly times: Readonly<Record<"redirect" | "total", number>> &
    Readonly<Partial<Record<"lookup" | "connect" | "handshake" | "request" | "firstByte", number>>>;
  readonly exitCode: number;
  readonly errorMessage: string | undefined;
}

/** Returns the text for each stream, in order: %{stderr} and %{stdout} switch between them. */
export type WriteOut = (
  report: TransferReport,
) => readonly { readonly to: "stdout" | "stderr"; readonly text: string }[];

export function writeOutFrom(format: string): WriteOut {
  const text = format.startsWith("@") ? readFormat(format.slice(1)) : format;
  return (report) => {
    const parts: { to: "stdout" | "stderr"; text: string }[] = [];
    let to: "stdout" | "stderr" = "stdout";
    const tokens = text.matchAll(
      /%%|%\{([a-z_]+)\}|%header\{([^}]*)\}|\\([nrt])|(?:(?!%%|%\{[a-z_]+\}|%header\{|\\[nrt])[\s\S])+/g,
    );
    for (const [token, variable, header, escaped] of tokens) {
      if (variable === "onerror" && report.exitCode === 0) break;
      if (variable === "stdout" || variable === "stderr") to = variable;
      else parts.push({ to, text: textOf(token, variable, header, escaped, report) });
    }
    return parts;
  };
}

function readFormat(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw usageError(`-w: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function textOf(
  token: string,
  variable: string | undefined,
  header: string | undefined,
  escaped: string | undefined,
  report: TransferReport,
): string {
  if (escaped !== undefined) return ESCAPES[escaped]!;
  if (token === "%%") return "%";
  if (header !== undefined) return fieldOf(report, header);
  if (variable === undefined) return token;
  if (variable === "json") return JSON.stringify(jsonOf(report));
  if (variable === "header_json") return JSON.stringify(headersOf(report), undefined, 0);
  return String(VARIABLES[variable]?.(report) ?? "");
}

const fieldOf = ({ fields }: TransferReport, name: string): string =>
  fields.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1] ?? "";

function headersOf({ fields }: TransferReport): Record<string, string[]> {
  // A map, since a field may be called `constructor` or `__proto__`.
  const all = new Map<string, string[]>();
  for (const [name, value] of fields) all.set(name.toLowerCase(), [...(all.get(name.toLowerCase()) ?? []), value]);
  return Object.fromEntries(all);
}

const status = ({ status = 0 }: TransferReport): string => String(status).padStart(3, "0");
/** Seconds since the transfer began, with six decimals as in curl. */
const time = (milliseconds: number | undefined): string => (Math.max(0, milliseconds ?? 0) / 1000).toFixed(6);
const VERSIONS = { h3: "3", h2: "2", "http/1.1": "1.1" } as const;
const speed = (bytes: number, { times }: TransferReport): number =>
  times.total > 0 ? Math.round((bytes / times.total) * 1000) : 0;

const VARIABLES: Readonly<Record<string, (report: TransferReport) => string | number>> = {
  content_type: (report) => fieldOf(report, "content-type"),
  errormsg: ({ errorMessage }) => errorMessage ?? "",
  exitcode: ({ exitCode }) => exitCode,
  filename_effective: ({ output }) => output ?? "",
  http_code: status,
  response_code: status,
  http_connect: () => "000",
  http_version: ({ protocol }) => (protocol === undefined ? "0" : VERSIONS[protocol]),
  local_ip: () => "",
  local_port: () => "",
  method: ({ method }) => method,
  num_connects: ({ connects }) => connects,
  num_headers: ({ fields }) => fields.length,
  num_redirects: ({ redirects }) => redirects,
  redirect_url: ({ redirectUrl }) => redirectUrl ?? "",
  referer: ({ referer }) => referer ?? "",
  remote_ip: ({ remoteAddress }) => remoteAddress ?? "",
  remote_port: ({ remotePort }) => remotePort ?? "",
  scheme: ({ url }) => url.protocol.slice(0, -1).toUpperCase(),
  size_download: ({ contentBytes }) => contentBytes,
  size_header: ({ headBytes }) => headBytes,
  size_upload: ({ uploadBytes }) => uploadBytes,
  speed_download: (report) => speed(report.contentBytes, report),
  speed_upload: (report) => speed(report.uploadBytes, report),
  ssl_verify_result: () => 0,
  time_appconnect: ({ times }) => time(times.handshake),
  time_connect: ({ times }) => time(times.connect),
  time_namelookup: ({ times }) => time(times.lookup),
  time_pretransfer: ({ times }) => time(times.request),
  time_redirect: ({ times }) => time(times.redirect),
  time_starttransfer: ({ times }) => time(times.firstByte),
  time_total: ({ times }) => time(times.total),
  url: ({ givenUrl }) => givenUrl,
  url_effective: ({ url }) => url.href,
  urlnum: ({ index }) => index,
};

function jsonOf(report: TransferReport): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(VARIABLES).map(([name, read]) => {
      const value = read(report);
      if (value === "") return [name, null];
      return [name, /^(http_code|response_code|http_connect|time_.*)$/.test(name) ? Number(value) : value];
    }),
  );
}
