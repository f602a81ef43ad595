// The options of `nagare bench`, checked and translated into those of the load generator.
import { readFile } from "node:fs/promises";
import { type micros, millis } from "../../base/time.ts";
import type { Protocol } from "../../client/index.ts";
import type { LoadOptions } from "../../client/load/index.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import { usageError } from "../fail.ts";
import { urlFrom } from "../get/flags.ts";
import { resolverFrom } from "../get/resolver.ts";
import { parseDuration, parseSize } from "../serve/flags.ts";

export interface BenchFlags {
  readonly connections: string;
  readonly streams?: string;
  readonly rate?: string;
  readonly duration?: string;
  readonly requests?: string;
  readonly protocol: Protocol;
  readonly request?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly bodySize?: string;
  readonly timeout: string;
  readonly congestionControl?: CongestionControl;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly resolve?: readonly string[];
  readonly json?: true;
}

const STREAMS = 8;
const DURATION = "10s";
const MAX_CONNECTIONS = 20_000;
const MAX_STREAMS = 10_000;
const MAX_RATE = 1_000_000;
const MAX_REQUESTS = 1e12;
const MAX_BODY = 1 << 30;

export async function loadFrom(text: string, flags: BenchFlags): Promise<LoadOptions> {
  const url = urlFrom(text);
  const { protocol } = flags;
  if (url.protocol === "http:" && protocol !== "http/1.1") {
    throw usageError(`${url.href} has no TLS, which ${protocol} needs`, "use https://, or --protocol http/1.1");
  }
  const content = await contentFrom(flags);
  const duration = flags.duration ?? (flags.requests === undefined ? DURATION : undefined);
  return {
    url,
    protocol,
    method: methodFrom(flags.request ?? (content === undefined ? "GET" : "POST")),
    fields: fieldsFrom(flags.header ?? []),
    content,
    connections: count(flags.connections, "--connections", MAX_CONNECTIONS),
    streams: streamsFrom(flags),
    rate: flags.rate === undefined ? undefined : rateFrom(flags.rate),
    duration: duration === undefined ? undefined : positiveTime(duration, "--duration"),
    count: flags.requests === undefined ? undefined : count(flags.requests, "--requests", MAX_REQUESTS),
    timeout: positiveTime(flags.timeout, "--timeout"),
    client: {
      rejectUnauthorized: flags.insecure !== true,
      quic: { congestionControl: flags.congestionControl },
      resolve: resolverFrom(flags.resolve ?? [], undefined),
      ...(flags.cacert === undefined ? {} : { ca: await read(flags.cacert) }),
    },
  };
}

function streamsFrom({ streams, protocol }: BenchFlags): number {
  if (protocol !== "http/1.1") return streams === undefined ? STREAMS : count(streams, "--streams", MAX_STREAMS);
  if (streams === undefined || streams === "1") return 1;
  throw usageError("HTTP/1.1 has one request at a time on a connection", "use more --connections instead of --streams");
}

async function contentFrom({ data, bodySize }: BenchFlags): Promise<Uint8Array | undefined> {
  if (data !== undefined) return data.startsWith("@") ? read(data.slice(1)) : Buffer.from(data);
  if (bodySize === undefined) return undefined;
  const size = parseSize(bodySize, "--body-size");
  if (size > MAX_BODY) throw usageError(`--body-size ${bodySize} is too large`, "give at most 1G");
  return Buffer.alloc(size, "a");
}

function methodFrom(method: string): string {
  // RFC 9110 §9.1: a method is a token.
  if (/^[!#$%&'*+.^_`|~\w-]+$/.test(method) && method !== "CONNECT") return method;
  throw usageError(`-X ${method} is not a method that can be measured`, "use GET, POST or another one");
}

function fieldsFrom(lines: readonly string[]): [name: string, value: string][] {
  const given = lines.map((line): [string, string] => {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (
      name === undefined ||
      value === undefined ||
      /^(?:host|content-length|connection|transfer-encoding)$/i.test(name)
    ) {
      throw usageError(`-H "${line}" is not a field that can be set`, "write it as 'name: value'");
    }
    return [name.toLowerCase(), value];
  });
  const defaults: [string, string][] = [
    ["accept", "*/*"],
    ["user-agent", "nagare-bench"],
  ];
  return [...defaults.filter(([name]) => given.every((each) => each[0] !== name)), ...given];
}

function rateFrom(text: string): number {
  const rate = Number(text);
  if (/^\d*\.?\d+$/.test(text) && rate > 0 && rate <= MAX_RATE) return rate;
  throw usageError(`--rate ${text} is not a number of requests per second`, `give one up to ${MAX_RATE}`);
}

function positiveTime(text: string, option: string): ReturnType<typeof micros> {
  const time = millis(parseDuration(text, option));
  if (time > 0) return time;
  throw usageError(`${option} ${text} is no time`, "give a longer one, such as 10s");
}

function count(text: string, option: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw usageError(`${option} ${text} is not a number from 1 to ${max}`);
}

const read = async (path: string): Promise<Uint8Array> => readFile(path);
