/** Starts a server: listeners on one port, and a service that handles their exchanges. */

import { join } from "node:path";
import { processBudget } from "../host/budget.ts";
import { type CertificateSource, Certificates } from "../host/certificates/certificates.ts";
import type { EngineChoice } from "../host/engine/choice.ts";
import { describeFault, type Fault } from "../host/guard.ts";
import type { ExchangeHandler } from "../host/http/exchange.ts";
import type { Listener } from "../host/http/listener.ts";
import { isHttp3Disabled } from "../host/http3-switch.ts";
import type { ActivatedSockets } from "../host/listen/activated.ts";
import { advertisedAltSvc, checkAltSvc } from "../host/listen/alt-svc.ts";
import { type Binding, type Bound, bindHost } from "../host/listen/bind.ts";
import { ServeError } from "../host/listen/errors.ts";
import { type QlogOptions, type QlogSettings, qlogSettings } from "../host/qlog/options.ts";
import { checkServerOptions, type QuicServerOptions } from "../host/quic/quic-options.ts";
import { traceAll } from "../host/quic/tracing.ts";
import type { WorkerProcess } from "../host/workers/worker-process.ts";
import { isHttpsOrigin } from "../http/index.ts";
import { printable } from "../wire/printable.ts";
import { AltSvcbExchange, altSvcbFrames, checkAltSvcb } from "./modifiers/alt-svcb.ts";
import type { Operations } from "./operations/operations.ts";
import { hasOperations } from "./operations/options.ts";
import { type ListenOptions, Server, type Service } from "./running-server.ts";
import { TRANSPORTS, type Transport } from "./transports.ts";
import type { SupervisedServer } from "./workers/supervised-server.ts";

export {
  type BoundFacts,
  type CloseOptions,
  type ListenOptions,
  type ReloadOptions,
  Server,
  type Service,
} from "./running-server.ts";

function checkQuic(quic: QuicServerOptions = {}): void {
  try {
    checkServerOptions(quic);
  } catch (error) {
    throw new ServeError("OPTION_INVALID", (error as Error).message);
  }
}

function checkQlog(options: string | QlogOptions, log: (line: string) => void): QlogSettings {
  try {
    return qlogSettings(options, log);
  } catch (error) {
    throw new ServeError("OPTION_INVALID", (error as Error).message);
  }
}

/** Listens on every transport, and passes exchanges to `service`. */
export async function startServer(options: ListenOptions, service: Service): Promise<Server> {
  const { port, protocols, quic, engine } = options;
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const certificates =
    options.identities instanceof Certificates ? options.identities : new Certificates(options.identities, { log });
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ServeError("OPTION_INVALID", `${port} is not a port: give a number from 0 to 65535`);
  }
  checkAltSvc(options.altSvc ?? {});
  checkAltSvcb(options.altSvcb);
  const unusable = options.origins?.find((each) => !isHttpsOrigin(each));
  if (unusable !== undefined) {
    throw new ServeError("OPTION_INVALID", `origins: "${unusable}" is not an origin such as "https://www.example.com"`);
  }
  checkQuic(quic);
  setLimits(options);
  const recording = options.qlog === undefined ? undefined : checkQlog(options.qlog, log);
  if (recording?.target.type === "file" && options.workers !== undefined) {
    throw new ServeError("OPTION_INVALID", "workers cannot record into one file in qlog: give a directory");
  }
  const wanted = (options.transports ?? TRANSPORTS).filter(
    ({ transport }) =>
      !(transport === "udp" && isHttp3Disabled()) &&
      (protocols?.some((protocol) => (protocol === "h3") === (transport === "udp")) ?? true),
  );
  if (wanted.some(({ transport }) => transport === "udp")) await checkEngine(engine);
  const shared = options.workers === undefined ? undefined : await import("../host/workers/worker-process.ts");
  const prepared = { log, certificates, wanted, recording, shared };
  if (!hasOperations(options)) return listenOrSupervise(options, service, prepared);
  const { Operations } = await import("./operations/operations.ts");
  const isSupervisor = shared?.isWorkerProcess() === false;
  let supervised: SupervisedServer | undefined;
  const operations = await Operations.open(options, {
    log,
    names: namesOf(certificates),
    role: isSupervisor ? "supervisor" : shared === undefined ? "server" : "worker",
    ...(isSupervisor ? { workers: async () => (await supervised?.metrics()) ?? [] } : {}),
  });
  try {
    const server = await listenOrSupervise(options, service, { ...prepared, operations });
    if (isSupervisor) supervised = server as SupervisedServer;
    return server;
  } catch (error) {
    await operations.close();
    throw error;
  }
}

/** What `startServer` has validated and opened. */
interface Prepared {
  readonly log: (line: string) => void;
  readonly certificates: Certificates;
  readonly wanted: readonly Transport[];
  readonly recording: QlogSettings | undefined;
  /** Present if this process supervises workers or is one. */
  readonly shared: typeof import("../host/workers/worker-process.ts") | undefined;
  readonly operations?: Operations;
}

async function listenOrSupervise(options: ListenOptions, service: Service, prepared: Prepared): Promise<Server> {
  const { wanted, shared, certificates, log, operations } = prepared;
  if (wanted.length === 0) throw noProtocols();
  if (shared?.isWorkerProcess() !== false) {
    const wrapped = operations?.wrap(service) ?? service;
    return listen(options, await replayable(wrapped, options, log), prepared);
  }
  const { startSupervised } = await import("./workers/supervised-server.ts");
  const transports = wanted.map(({ transport }) => transport);
  return startSupervised(options, transports, { certificates, log, operations });
}

/** Outside of operations, which add fields to requests. */
async function replayable(
  service: Service,
  { handBack }: ListenOptions,
  log: (line: string) => void,
): Promise<Service> {
  if (handBack === undefined) return service;
  return (await import("./replay/service.ts")).handingBack(service, handBack, log);
}

async function listen(options: ListenOptions, service: Service, prepared: Prepared): Promise<Server> {
  const { log, certificates, wanted, recording, shared, operations } = prepared;
  const { port, host, onKeyLog, retry, resetKey, earlyData, strikeRegister, quic, engine, stallTimeout } = options;
  const worker = await shared?.joinSupervisor({ log });
  if (worker !== undefined && operations?.metrics !== undefined) {
    const { metrics } = operations;
    worker.metrics = () => metrics.text();
  }
  const keys = worker && (await sharedKeys(worker, options));
  const qlog = recording && new (await import("../host/qlog/recorder.ts")).QlogRecorder(recording);
  const trace = traceAll([qlog?.trace, options.trace, operations?.trace]);
  const activated = worker === undefined ? await activatedFor(options) : undefined;
  const environment = worker?.environment(engine ?? "auto", trace) ?? activated?.environment(engine ?? "auto", trace);
  const bindings = await Promise.all(
    wanted
      .filter(({ transport }) => worker?.serves(transport) ?? activated?.has(transport) ?? true)
      .map(async ({ transport, load }): Promise<Binding<Listener>> => {
        const create = await load();
        const { acceptsTunnels } = service;
        const onExchange = guarded(naming(options.altSvcb, service.handle), log);
        const onFault = (fault: Fault) => log(describeFault(fault));
        return {
          transport,
          create: () =>
            create({
              identities: certificates.identities,
              ...certificates.hooks,
              onExchange,
              acceptsTunnels,
              onKeyLog,
              proxyProtocol: options.proxyProtocol,
              http2PriorityUpdate: options.http2PriorityUpdate,
              origins: options.origins,
              connectionFrames: altSvcbFrames(options.altSvcb, options.origins),
              http2WebTransport: options.http2WebTransport,
              retry,
              resetKey,
              earlyData,
              strikeRegister,
              quic,
              engine,
              trace,
              stallTimeout,
              onFault,
              ...operations?.hooks,
              ...keys,
              environment,
              budget: processBudget(),
            }),
        };
      }),
  );
  if (bindings.length === 0) throw noProtocols();
  const replaced = await worker?.whenWanted();
  if (replaced !== undefined) await certificates.reload(replaced as readonly CertificateSource[]);
  const bound = await (worker?.bind(bindings) ?? activated?.bind(bindings) ?? bindHost(bindings, host, port));
  if (worker === undefined) await settleBound(options, bound, activated?.http);
  const altSvc = advertisedAltSvc(options.altSvc, bound.addresses);
  if (altSvc !== undefined) for (const listener of bound.listeners) listener.advertise?.(altSvc);
  const server = new Server(host, bound, service, certificates, qlog, operations?.url);
  operations?.ready(bound.addresses, altSvc);
  worker?.attach(server);
  return server;
}

/** The sockets of systemd; undefined if the server binds its own. */
async function activatedFor({ systemd }: ListenOptions): Promise<ActivatedSockets | undefined> {
  if (systemd !== true) return undefined;
  const { activatedSockets } = await import("../host/system/activation.ts");
  const sockets = activatedSockets();
  if (sockets.length === 0) return undefined;
  return new (await import("../host/listen/activated.ts")).ActivatedSockets(sockets);
}

/** What remains to do as root, and then to be root no longer. Closes the listeners if it fails. */
async function settleBound(
  { onBound, user, group }: ListenOptions,
  { addresses, listeners }: Bound<Listener>,
  httpDescriptor: number | undefined,
): Promise<void> {
  try {
    await onBound?.({ addresses, httpDescriptor });
    if (user !== undefined) (await import("../host/system/privileges.ts")).dropPrivileges({ user, group });
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
}

/** The names of all certificates, as an array that changes with them. */
function namesOf(certificates: Certificates): () => readonly string[] {
  let of: unknown;
  let names: readonly string[] = [];
  return () => {
    const { identities } = certificates;
    if (identities !== of) {
      of = identities;
      names = identities.flatMap((identity) => identity.names);
    }
    return names;
  };
}

const noProtocols = (): ServeError => new ServeError("OPTION_INVALID", "none of the requested protocols can be served");

/** What all workers must have in common, so that each accepts the tickets and tokens of the others. */
async function sharedKeys({ setup }: WorkerProcess, { resetKey, strikeRegister, earlyData }: ListenOptions) {
  const ticketSecret = setup.secret;
  if (resetKey !== undefined || earlyData === "off") return { resetKey: resetKey ?? setup.secret, ticketSecret };
  const { openRegister } = await import("../host/quic/strike-directory.ts");
  const register = strikeRegister ?? (await openRegister(join(setup.folder, "early-data")));
  return { resetKey: setup.secret, ticketSecret, strikeRegister: register };
}

/** Throws before anything is bound if the engine is unknown, or was demanded and cannot be used. */
async function checkEngine(engine: EngineChoice | undefined): Promise<void> {
  try {
    await (await import("../host/engine/engine.ts")).chooseEngine(engine);
  } catch (cause) {
    throw new ServeError("OPTION_INVALID", (cause as Error).message, { cause });
  }
}

function setLimits({ stallTimeout, memoryLimit, maxOpenFiles }: ListenOptions): void {
  for (const [name, value] of Object.entries({ stallTimeout, memoryLimit, maxOpenFiles })) {
    if (value === undefined || value > 0) continue;
    throw new ServeError("OPTION_INVALID", `${name} ${value} is not a limit: give a number above 0, or Infinity`);
  }
  if (memoryLimit === undefined && maxOpenFiles === undefined) return;
  const budget = processBudget();
  const { memory, files, descriptors } = budget.limits;
  budget.limits = { memory: memoryLimit ?? memory, files: maxOpenFiles ?? files, descriptors };
}

/** Passes on exchanges whose responses name the alternative. */
const naming = (name: string | undefined, handle: ExchangeHandler): ExchangeHandler =>
  name === undefined ? handle : (exchange) => handle(new AltSvcbExchange(exchange, name));

/** Limits the effect of an internal error to one response. */
const guarded =
  (handle: ExchangeHandler, log: (line: string) => void): ExchangeHandler =>
  (exchange) => {
    try {
      handle(exchange);
    } catch (error) {
      log(printable(`nagare: ${exchange.method} ${exchange.path}: ${error}`));
      if (exchange.status === undefined) exchange.respond(500, [], { endStream: true });
      else exchange.reset(error instanceof Error ? error : new Error(String(error)));
    }
  };
