/** The server of a process that only supervises: its workers are the ones that serve. */

import type { CertificateSource, Certificates } from "../../host/certificates/certificates.ts";
import { chooseEngine } from "../../host/engine/engine.ts";
import { describeFault, detach, type Fault } from "../../host/guard.ts";
import type { HttpVersion } from "../../host/http/exchange.ts";
import type { BoundAddress, Listener } from "../../host/http/listener.ts";
import { advertisedAltSvc } from "../../host/listen/alt-svc.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { activatedSockets } from "../../host/system/activation.ts";
import { dropPrivileges } from "../../host/system/privileges.ts";
import { ControlSocket } from "../../host/workers/control.ts";
import type { SteeringKind } from "../../host/workers/sockets.ts";
import { ownProgram, Supervisor, type WorkerProgram } from "../../host/workers/supervisor.ts";
import type { Operations } from "../operations/operations.ts";
import { type ListenOptions, type ReloadOptions, Server, type Service } from "../running-server.ts";
import { drainTimeoutOf, workerCount } from "./options.ts";

/** All workers as one listener, for `Server`. */
class Workers implements Listener {
  readonly protocols: readonly HttpVersion[];
  readonly supervisor: Supervisor;

  constructor(supervisor: Supervisor, protocols: readonly HttpVersion[]) {
    this.supervisor = supervisor;
    this.protocols = protocols;
  }

  listen(): Promise<BoundAddress> {
    return Promise.reject(new Error("the supervisor has bound all addresses"));
  }

  /** Never rejects: `failure` tells whether the workers ended by themselves. */
  async close(timeout: number): Promise<void> {
    await this.supervisor.stop(timeout).catch(() => undefined);
  }

  /** The workers load their own. */
  setIdentities(): void {}

  ref(): void {
    this.supervisor.ref();
  }

  unref(): void {
    this.supervisor.unref();
  }
}

/** The supervisor itself answers nothing. */
export const IDLE: Service = { handle: (exchange) => exchange.respond(503, [], { endStream: true }) };

export class SupervisedServer extends Server {
  /** How UDP datagrams get to the worker of their connection; undefined without HTTP/3. */
  readonly steering: SteeringKind | undefined;
  /** Why HTTP/3 has no steering program, or only one worker. */
  readonly problem: string | undefined;
  /** Resolves to the error if no worker can serve any more; never otherwise. */
  readonly failure: Promise<Error>;
  readonly #supervisor: Supervisor;
  /** Those that come from an authority are obtained here, for all workers. */
  readonly #own: Certificates;

  constructor(
    host: string,
    workers: Workers,
    certificates: Certificates,
    service: Service,
    metricsUrl: URL | undefined,
  ) {
    const { supervisor } = workers;
    const bound = { listeners: [workers], addresses: supervisor.addresses };
    super(host, bound, service, certificates, undefined, metricsUrl);
    this.#supervisor = supervisor;
    this.#own = certificates;
    this.steering = supervisor.steering;
    this.problem = supervisor.problem;
    this.failure = new Promise((resolve) => {
      supervisor.finished.catch(resolve);
    });
  }

  /** The metrics of all workers, as texts. */
  metrics(): Promise<readonly string[]> {
    return this.#supervisor.metrics();
  }

  override get workers(): readonly number[] {
    return this.#supervisor.pids;
  }

  /**
   * Without certificates, starts the program again in new workers, which take over when all of them are ready; the previous
   * ones finish their connections. With `tls`, replaces the certificates in the running workers.
   */
  override async reload({ tls }: ReloadOptions = {}): Promise<void> {
    if (tls === undefined) {
      if (this.#own.takesAuto) await this.#own.reload();
      await this.#supervisor.reload();
      return;
    }
    const sources = [tls].flat();
    if (sources.length === 0) throw new ServeError("OPTION_INVALID", "tls is empty: give at least one certificate");
    if (this.#own.takesAuto) await this.#own.reload(sources as readonly CertificateSource[]);
    await this.#supervisor.replaceCertificates(sources);
  }
}

export interface SupervisedContext {
  readonly certificates: Certificates;
  readonly log: (line: string) => void;
  readonly operations?: Operations | undefined;
  /** This program by default. */
  readonly program?: WorkerProgram;
}

export async function startSupervised(
  options: ListenOptions,
  transports: readonly ("tcp" | "udp")[],
  { certificates, log, operations, program = ownProgram() }: SupervisedContext,
): Promise<SupervisedServer> {
  if (process.platform === "win32") {
    throw new ServeError("OPTION_INVALID", "workers share sockets by descriptors, which Windows does not pass on");
  }
  if (process.argv[1] === undefined) {
    throw new ServeError("OPTION_INVALID", "workers run the program again, so it must be a file");
  }
  const { port, host, quic, engine, user, group, onBound } = options;
  if (options.systemd === true && activatedSockets().length > 0) {
    throw new ServeError(
      "OPTION_INVALID",
      "workers cannot share sockets of systemd: use one of them without the other",
    );
  }
  const supervisor = await Supervisor.start({
    port,
    host,
    workers: workerCount(options.workers!),
    drainTimeout: drainTimeoutOf(options.drainTimeout),
    transports,
    preferred: quic?.preferredAddress ?? [],
    udp: (await chooseEngine(engine)).udp,
    program,
    log,
    onBound: async (addresses) => {
      await onBound?.({ addresses });
      if (user !== undefined) dropPrivileges({ user, group });
    },
  });
  const protocols = (["h3", "h2", "http/1.1"] as const).filter((version) =>
    transports.includes(version === "h3" ? "udp" : "tcp"),
  );
  const service = operations?.wrap(IDLE) ?? IDLE;
  const server = new SupervisedServer(host, new Workers(supervisor, protocols), certificates, service, operations?.url);
  operations?.ready(supervisor.addresses, advertisedAltSvc(options.altSvc, supervisor.addresses));
  const onFault = (fault: Fault): void => log(describeFault(fault));
  const facts = { pid: process.pid, port: server.port, url: server.url.href };
  const control = await ControlSocket.open({ facts, onReload: () => server.reload(), log, onFault }).catch(
    (error: Error) => log(`nagare: nagare reload cannot reach this server, but SIGHUP can: ${error.message}`),
  );
  const end = supervisor.finished.catch((error: Error) => {
    log(`nagare: no worker can serve: ${error.message}`);
    return server.close({ timeout: 0 });
  });
  detach(
    "workers ended",
    onFault,
    end.finally(() => control?.close()),
  );
  return server;
}
