// What the options of `nagare memcache` mean.

import { readFile } from "node:fs/promises";
import { DNS_PORTS, type DnsServer } from "../../dns/index.ts";
import { parseProxyOption } from "../../edge/memcache/config-file.ts";
import { parseListen, splitPlace } from "../../edge/memcache/listen.ts";
import type { MemcacheServiceOptions } from "../../edge/memcache/service.ts";
import { DEFAULT_METRICS_HOST } from "../../edge/operations/metrics/options.ts";
import type { MemcacheListen } from "../../host/memcache/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { usageError } from "../fail.ts";
import { readVersion } from "../version.ts";
import type { MemcacheFlags } from "./flags.ts";

export async function readOptions(
  flags: MemcacheFlags,
  log: (line: string) => void,
  emit: (event: Record<string, unknown>) => void,
): Promise<MemcacheServiceOptions> {
  return {
    version: readVersion(),
    source: flags.config === undefined ? { lua: parseProxyOption(flags.option!.join(",")) } : { module: flags.config },
    listen: await readListens(flags),
    watch: flags.watch,
    log,
    maxConnections: wholeNumber(flags.maxConnections!, "--max-connections"),
    maxValue: wholeNumber(flags.maxItem!, "--max-item"),
    ...(await readBackendTls(flags)),
    ...(flags.dnsServers === undefined ? {} : { nameServers: flags.dnsServers.split(",").map(nameServerOf) }),
    ...metricsOf(flags),
    onEvent: ({ error, backend, depth, retryAfter }) => {
      if (flags.json)
        emit({ event: "backend", error, label: backend.label, depth, retryAfter: retryAfter / 1_000_000 });
      else if (flags.verbose) log(`nagare: backend ${backend.label}: ${error}`);
    },
  };
}

function metricsOf({ metricsPort, metricsHost }: MemcacheFlags): Pick<MemcacheServiceOptions, "metrics"> {
  if (metricsPort === undefined && metricsHost === undefined) return {};
  if (metricsPort === undefined) throw usageError("--metrics-host without --metrics-port", "give both");
  return { metrics: { host: metricsHost ?? DEFAULT_METRICS_HOST, port: portNumber(metricsPort, "--metrics-port") } };
}

function nameServerOf(source: string): DnsServer {
  const { address, port } = splitPlace(source);
  if (ipVersion(address) === undefined) throw usageError(`--dns-servers has ${source}`, "give IP addresses");
  return { protocol: "udp", address, port: port === undefined ? DNS_PORTS.udp : portNumber(port, "--dns-servers") };
}

async function readListens(flags: MemcacheFlags): Promise<readonly MemcacheListen[]> {
  const port = portNumber(flags.port);
  const places =
    flags.unix === undefined
      ? (flags.listen ?? ["127.0.0.1"]).map((text) => parseListen(text, port))
      : [{ path: flags.unix }];
  const tls = await readTls(flags);
  return places.map((place) => ({ ...place, ...tls }));
}

async function readTls(flags: MemcacheFlags): Promise<Pick<MemcacheListen, "tls">> {
  if (flags.cert === undefined && flags.key === undefined) return {};
  if (flags.cert === undefined || flags.key === undefined) throw usageError("--cert and --key belong together");
  const [cert, key, ca] = await Promise.all([flags.cert, flags.key, flags.clientCa].map(readOptional));
  const clients = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  return { tls: { cert: cert!, key: key!, ...clients } };
}

async function readBackendTls(flags: MemcacheFlags): Promise<Pick<MemcacheServiceOptions, "backendTls">> {
  const [ca, cert, key] = await Promise.all([flags.backendCa, flags.backendCert, flags.backendKey].map(readOptional));
  if (ca === undefined && cert === undefined && key === undefined) return {};
  return {
    backendTls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  };
}

const readOptional = async (path: string | undefined): Promise<Buffer | undefined> =>
  path === undefined ? undefined : readFile(path);

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw usageError(`${option} is ${text}`, "give a whole number of at least 1");
}

function portNumber(text: string, option = "--port"): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw usageError(`${option} is ${text}`, "give a number from 0 to 65535");
}
