// `nagare dns serve`: an authoritative name server for zone files, until it is stopped.

import { rcodeName, typeName } from "../../dns/index.ts";
import { type DnsService, type DnsServiceOptions, zoneFileOf } from "../../edge/dns/index.ts";
import type { Identity } from "../../host/certificates/index.ts";
import type { QueryEvent } from "../../host/dns/server/name-server.ts";
import { describeFault, detach, type Fault, guard } from "../../host/guard.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { printable } from "../../wire/printable.ts";
import { CliError, EXIT, usageError } from "../fail.ts";
import { untilStopped } from "../interrupt.ts";
import type { Io } from "../io.ts";

export interface DnsServeFlags {
  readonly listen: string;
  readonly port: string;
  readonly tls?: true | string;
  readonly https?: true | string;
  readonly cert?: string;
  readonly key?: string;
  /** False with --no-watch. */
  readonly watch: boolean;
  readonly log?: true;
  readonly json?: true;
}

const SECURE_PORT = "8853";
const HTTPS_PORT = "8443";

export async function dnsServe(files: readonly string[], flags: DnsServeFlags, io: Io): Promise<void> {
  const emit = (event: Record<string, unknown>): void => void io.stdout.write(`${JSON.stringify(event)}\n`);
  const log = (line: string): void => {
    if (flags.json) emit({ event: "log", line });
    else io.stderr.write(`${printable(line)}\n`);
  };
  const onFault = (fault: Fault): void => log(describeFault(fault));
  const stopped = untilStopped(io);
  try {
    const service = await start(files, flags, { log, onFault, emit }).catch((error: unknown) => {
      throw asUsageError(error);
    });
    await using _ = service;
    const reload = guard("cli reload", onFault, () => detach("cli reloaded", onFault, service.reload()));
    const stopReloads = io.onReload?.(reload);
    announce(service, flags, io, emit);
    await stopped.promise;
    stopReloads?.();
    if (flags.json) emit({ event: "closed" });
  } finally {
    stopped.clear();
    io.exitSoon?.();
  }
}

interface Output {
  log(line: string): void;
  emit(event: Record<string, unknown>): void;
  onFault(fault: Fault): void;
}

async function start(files: readonly string[], flags: DnsServeFlags, { log, emit, onFault }: Output) {
  const options: DnsServiceOptions = {
    zones: files.map(zoneFileOf),
    host: flags.listen,
    port: portFrom(flags.port, "--port"),
    securePort: optionalPort(flags.tls, SECURE_PORT, "--tls"),
    httpsPort: optionalPort(flags.https, HTTPS_PORT, "--https"),
    watch: flags.watch,
    log,
    onFault,
    onQuery: flags.log || flags.json ? (event) => record(event, flags, log, emit) : undefined,
  };
  const needsIdentity = options.securePort !== undefined || options.httpsPort !== undefined;
  const { DnsService } = await import("../../edge/dns/index.ts");
  return DnsService.start({ ...options, identity: needsIdentity ? await identityFrom(flags) : undefined });
}

async function identityFrom({ cert, key, listen }: DnsServeFlags): Promise<Identity> {
  const { developmentIdentity, loadIdentityFiles } = await import("../../host/certificates/index.ts");
  if (cert === undefined && key === undefined) return developmentIdentity({ names: [listen] });
  if (cert === undefined || key === undefined) throw usageError("--cert and --key belong together");
  return loadIdentityFiles({ certFile: cert, keyFile: key });
}

function announce(service: DnsService, flags: DnsServeFlags, io: Io, emit: Output["emit"]): void {
  const { port, securePort, url } = service.addresses;
  const { zones } = service;
  if (flags.json) {
    emit({
      event: "listening",
      host: flags.listen,
      port,
      securePort,
      url,
      zones: zones.map(({ origin, size }) => ({ origin, records: size })),
    });
    return;
  }
  const place = (number: number): string =>
    `${flags.listen.includes(":") ? `[${flags.listen}]` : flags.listen}:${number}`;
  for (const { origin, size } of zones) io.stderr.write(`nagare: zone ${origin} with ${size} records\n`);
  io.stdout.write(`${place(port)} UDP and TCP\n`);
  if (securePort !== undefined) io.stdout.write(`${place(securePort)} TLS and QUIC\n`);
  if (url !== undefined) io.stdout.write(`${url}\n`);
}

function record(event: QueryEvent, flags: DnsServeFlags, log: Output["log"], emit: Output["emit"]): void {
  const { over, from, query, rcode, size } = event;
  const question = query?.questions[0];
  if (flags.json) {
    const { name, type } = question ?? {};
    emit({
      event: "query",
      over,
      client: from.address,
      name,
      type: type === undefined ? undefined : typeName(type),
      rcode: rcodeName(rcode),
      bytes: size,
    });
    return;
  }
  const asked = question === undefined ? "a malformed query" : `${question.name} ${typeName(question.type)}`;
  log(`${from.address} ${over}: ${asked}: ${rcodeName(rcode)}, ${size} bytes`);
}

function portFrom(text: string, option: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw usageError(`${option} is ${text}`, "give a number from 0 to 65535");
}

const optionalPort = (flag: true | string | undefined, usual: string, option: string): number | undefined =>
  flag === undefined ? undefined : portFrom(flag === true ? usual : flag, option);

function asUsageError(error: unknown): unknown {
  if (!(error instanceof ServeError) || error.code !== "CONFIG_INVALID") return error;
  return new CliError(error.code, error.message, { exitCode: EXIT.usage, cause: error });
}
