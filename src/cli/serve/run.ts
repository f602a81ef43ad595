// Runs a server until it is stopped; shared by serve and proxy.

import { isConfigurationError } from "../../edge/configuration-error.ts";
import type { AccessLogOptions, RequestRecord } from "../../edge/operations/index.ts";
import type { RedirectServer } from "../../edge/redirect.ts";
import type { BoundFacts, ListenOptions, Server } from "../../edge/server.ts";
import type { ManagedCertificates } from "../../host/acme/managed-certificates.ts";
import type {
  CertificateSource,
  Certificates,
  Identities,
  ReloadOutcome,
} from "../../host/certificates/certificates.ts";
import type { Identity } from "../../host/certificates/identity.ts";
import { describeFault, detach, type Fault, guard } from "../../host/guard.ts";
import { LineWriter } from "../../host/line-writer.ts";
import { CliError, EXIT, silentExit } from "../fail.ts";
import type { InterruptSignal, Io } from "../io.ts";
import type { ServerSettings } from "./flags.ts";
import { networkLines, urlFor } from "./network.ts";
import { startReloads } from "./reloads.ts";
import type { Companion, ServedProgram } from "./served-program.ts";

export async function runServer(settings: ServerSettings, program: ServedProgram, io: Io): Promise<void> {
  try {
    await runUntilStopped(settings, program, io);
  } finally {
    // A module's timers, connections and servers must not keep a command alive that has stopped or failed.
    io.exitSoon?.();
  }
}

async function runUntilStopped(settings: ServerSettings, program: ServedProgram, io: Io): Promise<void> {
  const lines = new LineWriter(io.stderr, {
    describeDropped: (count) => `nagare: ${count} lines were dropped because nothing read standard error`,
  });
  const events = new LineWriter(io.stdout, {
    describeDropped: (count) => JSON.stringify({ event: "log-dropped", count }),
  });
  const log = (line: string): void => lines.write(line);
  const print = (line: string): void => events.write(line);
  const emit = (event: Record<string, unknown>): void => print(JSON.stringify(event));
  const isSupervised = settings.workers !== undefined;
  const isWorker = isSupervised && (await import("../../host/workers/worker-process.ts")).isWorkerProcess();
  // The workers load what they serve.
  const isSupervisor = isSupervised && !isWorker;
  const create = isSupervisor
    ? async () => (await import("../../edge/workers/supervised-server.ts")).IDLE
    : program.createService;
  const running = await start(settings, { ...program, createService: create }, { log, emit, print }, isWorker).catch(
    async (error: unknown) => {
      if (isWorker) await (await import("../../edge/workers/fail.ts")).failInWorker(error);
      throw asUsageError(error);
    },
  );
  // The supervisor prints, and it ends this process.
  if (isWorker) {
    await running.server.finished;
    return;
  }
  // A program that waits for the URL may send a signal immediately, so the listener is added before the URL is printed.
  const stopped = untilStopped(running, settings, io, log);
  const stopReloads = await startReloads(running.server, settings, program, io, log);
  const { url, protocols, addresses } = running.server;
  const engine = protocols.includes("h3") ? await chosenEngine() : undefined;
  if (settings.json) {
    const { workers } = running.server;
    emit({
      event: "listening",
      url: url.href,
      protocols,
      addresses,
      httpPort: running.httpPort,
      engine: engine?.name,
      metrics: running.server.metricsUrl?.href,
      ...(isSupervisor ? { workers: workers.length } : {}),
    });
  } else {
    for (const each of [url, ...settings.names.map((name) => urlFor(name, url))]) io.stdout.write(`${each.href}\n`);
    for (const line of networkLines(url, settings, running.identity)) log(line);
    if (engine !== undefined) log(`nagare: ${engine.line}`);
    const { metricsUrl } = running.server;
    if (metricsUrl !== undefined) log(`nagare: metrics on ${metricsUrl.href}`);
    if (isSupervisor) log(`nagare: ${await describeWorkers(running.server)}`);
  }
  if (settings.open) await (await import("./open.ts")).openPage(url, running.identity, io, log);
  const stopKeys = await program.onListening?.(url, log);
  try {
    await stopped;
    if (settings.json) emit({ event: "closed" });
  } finally {
    stopKeys?.();
    stopReloads();
  }
}

/** How many processes serve, and how HTTP/3 is spread over them. */
async function describeWorkers(server: Server): Promise<string> {
  const { describeSteering } = await import("../../edge/workers/describe.ts");
  return describeSteering(server);
}

/** What opens sockets and protects packets for HTTP/3. */
async function chosenEngine(): Promise<{ readonly name: string; readonly line: string }> {
  const { chooseEngine, describeEngine } = await import("../../host/engine/engine.ts");
  const engine = await chooseEngine();
  return { name: engine.name, line: describeEngine(engine) };
}

interface Output {
  log(line: string): void;
  /** Writes a line to standard output. */
  print(line: string): void;
  emit(event: Record<string, unknown>): void;
}

interface Running {
  readonly server: Server;
  readonly identity: Identity;
  readonly httpPort: number | undefined;
  close(timeout: number): Promise<void>;
}

async function start(
  settings: ServerSettings,
  { createService, identity, openCompanion }: ServedProgram,
  { log, emit, print }: Output,
  isWorker: boolean,
): Promise<Running> {
  const { port, host } = settings;
  const [{ startServer }, identities, service, accessLog] = await Promise.all([
    import("../../edge/server.ts"),
    identity === undefined ? loadIdentities(settings, { log, emit }, isWorker) : ([identity] as const),
    createService(log),
    accessLogs(settings, { log, emit, print }),
  ]);
  const keylog = await openKeyLog(settings.keylog, log);
  const companion = isWorker ? undefined : await openCompanion?.(log);
  let redirect: RedirectServer | undefined;
  const server = await startServer(
    {
      port,
      host,
      identities,
      ...(settings.http3 ? {} : { protocols: ["h2", "http/1.1"] as const }),
      altSvc: settings.altSvc,
      retry: settings.retry,
      quic: { versions: settings.quicVersions, congestionControl: settings.congestionControl },
      ...(settings.http3 ? await keptKeys(log) : {}),
      stallTimeout: settings.stallTimeout,
      memoryLimit: settings.memoryLimit,
      proxyProtocol: settings.proxyProtocol,
      http2PriorityUpdate: settings.http2PriorityUpdate,
      origins: settings.origins,
      altSvcb: settings.altSvcb,
      http2WebTransport: settings.http2WebTransport,
      qlog: settings.qlog,
      workers: settings.workers,
      drainTimeout: settings.drainTimeout,
      ...settings.operations,
      trustedProxies: settings.trustedProxies ?? settings.operations.trustedProxies,
      accessLog,
      metrics: metricsWith(settings.metrics, companion),
      limits: settings.limits,
      user: settings.user,
      group: settings.group,
      systemd: true,
      // Plain HTTP too must be bound while the process may still do that.
      ...(isWorker
        ? {}
        : {
            onBound: async (bound) => {
              redirect = await openRedirect(settings, bound, identities);
            },
          }),
      log,
      ...(keylog === undefined ? {} : { onKeyLog: (line) => keylog.write(line) }),
    },
    service,
  ).catch(async (error: unknown) => {
    await redirect?.close();
    await companion?.close(0);
    throw error;
  });
  if (companion !== undefined) log(`nagare: ${companion.line}`);
  if (!isWorker) (await import("./acme-advice.ts")).adviseOnPorts(settings, server, log);
  return {
    server,
    identity: "identities" in identities ? identities.identities[0] : identities[0],
    httpPort: redirect?.port,
    close: async (timeout) => {
      await Promise.all([server.close({ timeout }), redirect?.close(), companion?.close(timeout)]);
      keylog?.close();
    },
  };
}

/** The metrics of the server with those of what listens beside it. */
const metricsWith = (
  metrics: ServerSettings["metrics"],
  companion: Companion | undefined,
): ServerSettings["metrics"] =>
  metrics === undefined || companion === undefined
    ? metrics
    : { ...metrics, registry: { metrics: () => companion.text() } };

async function openRedirect(
  { httpPort, host, publicPort }: ServerSettings,
  { addresses, httpDescriptor }: BoundFacts,
  identities: Identities | Certificates,
): Promise<RedirectServer | undefined> {
  if (httpPort === undefined && httpDescriptor === undefined) return undefined;
  const { startRedirect } = await import("../../edge/redirect.ts");
  const answer = "answerHttp" in identities ? (identities as ManagedCertificates).answerHttp : undefined;
  return startRedirect(httpPort ?? 0, host, publicPort ?? addresses[0]!.port, answer, httpDescriptor);
}

async function loadIdentities(
  { certificates, names, watch, json, workers, httpPort }: ServerSettings,
  { log, emit }: Pick<Output, "log" | "emit">,
  isWorker: boolean,
): Promise<Identities | Certificates> {
  const [first, ...others] = certificates;
  if (first === undefined) {
    return [await (await import("../../host/certificates/development.ts")).developmentIdentity({ names })];
  }
  const onReload = json ? (outcome: ReloadOutcome) => emit({ event: "reload", ...outcome }) : undefined;
  if (certificates.some((source) => "auto" in source)) {
    const { loadManaged } = await import("../../host/acme/managed-certificates.ts");
    // The supervisor of workers obtains certificates for them.
    const role = workers !== undefined && isWorker ? "follow" : "order";
    return loadManaged([first, ...others], { log, watch, onReload, role, hasHttp: httpPort !== undefined });
  }
  const { loadCertificates } = await import("../../host/certificates/certificates.ts");
  return loadCertificates([first, ...others] as [CertificateSource], { log, watch, onReload });
}

/** The secret of HTTP/3's keys, and the register of the early data that all servers with it have accepted. */
async function keptKeys(log: (line: string) => void): Promise<Pick<ListenOptions, "resetKey" | "strikeRegister">> {
  const { key, isKept } = await (await import("../../host/quic/reset-key.ts")).keptResetKey();
  if (isKept) {
    const { keptRegister } = await import("../../host/quic/strike-directory.ts");
    return { resetKey: key, strikeRegister: await keptRegister() };
  }
  log("nagare: cannot write to the cache folder: connections and session tickets will not survive a restart");
  return {};
}

/** The access log, the events of --json and the lines of --log. */
async function accessLogs(
  { accessLog, json, log: isLogged, logQuery: query }: ServerSettings,
  { log, emit, print }: Output,
): Promise<readonly AccessLogOptions[] | undefined> {
  if (accessLog === undefined && !json && !isLogged) return undefined;
  const { formatRecord } = await import("../../edge/operations/index.ts");
  const given: AccessLogOptions = typeof accessLog === "string" ? { to: accessLog } : (accessLog ?? {});
  const { to = "-", format = "json" } = given;
  const output = to === "-" ? { onRecord: (record: RequestRecord) => print(formatRecord(record, format)) } : { to };
  return [
    ...(accessLog === undefined ? [] : [{ ...given, ...output, query: query ?? given.query }]),
    ...(json ? [{ query, onRecord: (record: object) => emit({ event: "request", ...record }) }] : []),
    ...(isLogged ? [{ query, onRecord: (record: RequestRecord) => log(formatRecord(record, "text")) }] : []),
  ];
}

async function openKeyLog(path: string | undefined, log: (line: string) => void) {
  if (path === undefined) return undefined;
  const { KeyLogFile } = await import("../../host/keylog.ts");
  const file = new KeyLogFile(path, (error) => log(`nagare: the key log ${path} is incomplete: ${error}`));
  log(`nagare: WRITING TLS KEYS to ${path}: anyone who can read this file can decrypt all traffic of this server`);
  return file;
}

/** The first signal drains the server, and the command succeeds. A second one aborts the remaining requests. */
function untilStopped(running: Running, { grace }: ServerSettings, io: Io, log: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const onFault = (fault: Fault): void => log(describeFault(fault));
    const handleSignal = guard("cli signal", onFault, (signal: InterruptSignal) => {
      if (stopping) {
        stop();
        detach("cli quit", onFault, running.server.close({ timeout: 0 }));
        reject(silentExit(EXIT[signal]));
        return;
      }
      stopping = true;
      log("nagare: stopping; press Ctrl-C again to quit without waiting for requests in progress");
      detach("cli stop", onFault, running.close(grace).then(resolve, reject).finally(stop));
    });
    const stop = io.onInterrupt(handleSignal);
  });
}

function asUsageError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  if (!isConfigurationError(error)) return error;
  return new CliError(typeof code === "string" ? code : "USAGE", error.message, { exitCode: EXIT.usage, cause: error });
}
