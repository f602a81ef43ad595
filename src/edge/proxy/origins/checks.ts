/** Active health checks: asks an origin whether it works, over a connection of its own, in the origin's own protocol. */

import { OriginPool, type PoolWaiter } from "../../../host/client/origin-pool.ts";
import type { ClientExchange, ResponseHandler, Session } from "../../../host/client/session.ts";
import { type Fault, guard } from "../../../host/guard.ts";
import { systemRng } from "../../../host/random.ts";
import { noLimit, Timer } from "../../../host/timer.ts";
import { emitLocalHeader } from "../../../http/index.ts";
import type { Origin } from "./origin.ts";

export interface HealthCheckSettings {
  readonly path: string;
  readonly host: string | undefined;
  readonly interval: number;
  readonly jitter: number;
  readonly timeout: number;
  readonly isHealthy: (status: number) => boolean;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

export class HealthChecks {
  readonly #origin: Origin;
  readonly #settings: HealthCheckSettings;
  readonly #log: (line: string) => void;
  readonly #onFault: (fault: Fault) => void;
  readonly #pool: OriginPool;
  #check: Check | undefined;
  #timer: Timer | undefined;
  /** Consecutive checks with the same outcome. */
  #row = 0;
  #wasHealthy = true;
  #isHealthy = true;

  constructor(
    origin: Origin,
    settings: HealthCheckSettings,
    log: (line: string) => void,
    onFault: (fault: Fault) => void,
  ) {
    this.#origin = origin;
    this.#settings = settings;
    this.#log = log;
    this.#onFault = onFault;
    const { address, pool } = origin.settings;
    this.#pool = new OriginPool(address.url, { ...pool, maxConnections: 1, connectTimeout: settings.timeout });
    // The first at once, but not for all in step.
    this.#schedule(settings.jitter * Math.min(1_000, settings.interval) * fraction());
  }

  async close(): Promise<void> {
    this.#timer?.clear();
    this.#check?.cancel();
    await this.#pool.destroy();
  }

  #schedule(milliseconds: number): void {
    const run = guard("proxy health check", this.#handleFault, () => this.#run());
    this.#timer = new Timer(run, milliseconds).unref();
  }

  /** The next check follows in any case. */
  readonly #handleFault = (fault: Fault): void => {
    this.#onFault(fault);
    this.#check?.cancel();
    this.#next();
  };

  #next(): void {
    const { interval, jitter } = this.#settings;
    this.#schedule(interval * (1 + jitter * (2 * fraction() - 1)));
  }

  #run(): void {
    this.#check = new Check(this.#origin, this.#pool, this.#settings, this.#handleFault, (problem) => {
      this.#check = undefined;
      this.#settle(problem);
      this.#next();
    });
    this.#check.begin();
  }

  /** `problem` is undefined if the origin is healthy. */
  #settle(problem: string | undefined): void {
    const { healthyAfter, unhealthyAfter } = this.#settings;
    const isHealthy = problem === undefined;
    this.#origin.checks += 1;
    if (!isHealthy) this.#origin.failedChecks += 1;
    this.#row = isHealthy === this.#wasHealthy ? this.#row + 1 : 1;
    this.#wasHealthy = isHealthy;
    if (isHealthy === this.#isHealthy || this.#row < (isHealthy ? healthyAfter : unhealthyAfter)) return;
    this.#isHealthy = isHealthy;
    this.#origin.health.setChecks(isHealthy);
    this.#log(`nagare: ${this.#origin.name}: ${isHealthy ? "passes its health checks again" : problem}`);
  }
}

/** One check. */
class Check implements PoolWaiter, ResponseHandler {
  readonly preface: Uint8Array | undefined;
  readonly #origin: Origin;
  readonly #pool: OriginPool;
  readonly #settings: HealthCheckSettings;
  readonly #onDone: (problem: string | undefined) => void;
  readonly #timer: Timer;
  #exchange: ClientExchange | undefined;
  #isDone = false;

  constructor(
    origin: Origin,
    pool: OriginPool,
    settings: HealthCheckSettings,
    onFault: (fault: Fault) => void,
    onDone: (problem: string | undefined) => void,
  ) {
    this.#origin = origin;
    this.#pool = pool;
    this.#settings = settings;
    this.#onDone = onDone;
    const { proxyProtocol } = origin.settings;
    this.preface = proxyProtocol && emitLocalHeader(proxyProtocol);
    const { timeout } = settings;
    const late = guard("proxy late health check", onFault, () => this.#done(`no answer within ${timeout / 1000} s`));
    this.#timer = new Timer(late, noLimit(timeout)).unref();
  }

  begin(): void {
    this.#pool.enqueue(this);
  }

  cancel(): void {
    if (!this.#end()) return;
    this.#pool.withdraw(this);
    this.#exchange?.reset(new Error("the health check was cancelled"));
  }

  start(session: Session): void {
    const { url, base } = this.#origin;
    const { host, path } = this.#settings;
    const head = {
      method: "GET",
      scheme: url.protocol === "https:" ? "https" : "http",
      authority: host ?? url.host,
      path: base + path,
      fields: [["user-agent", "nagare-health-check"]],
    } as const;
    const exchange = session.request(head, undefined, this);
    if (this.#isDone) exchange.reset(new Error("the health check has ended"));
    else this.#exchange = exchange;
  }

  fail(error: Error): void {
    this.#done(error.message);
  }

  onRequestSent(): void {}

  onInformational(): void {}

  onHead(status: number): void {
    this.#done(this.#settings.isHealthy(status) ? undefined : `its health check got a ${status}`);
  }

  onData(): void {}

  onEnd(): void {}

  onError(error: Error): void {
    this.#done(error.message);
  }

  #done(problem: string | undefined): void {
    if (!this.#end()) return;
    this.#pool.withdraw(this);
    // The content does not matter, and may be long.
    this.#exchange?.reset(new Error("the health check is done"));
    this.#onDone(problem === undefined ? undefined : `fails its health checks: ${problem}`);
  }

  #end(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.#timer.clear();
    return true;
  }
}

const fraction = (): number => systemRng.uint32() / 2 ** 32;
