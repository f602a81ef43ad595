// Drives the stub resolver of dns/resolver: sockets, the timer, and a promise for each question.

import { millis } from "../../base/time.ts";
import { type Answer, type DnsServer, type DnsTrace, type ResolverCommand, StubResolver } from "../../dns/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import { systemRng } from "../random.ts";
import { type ExchangeOptions, openExchange } from "./exchange.ts";

export interface DnsResolverOptions extends ExchangeOptions {
  readonly servers: readonly DnsServer[];
  /** Milliseconds to wait for a server before the next is asked. Default: 1 s. */
  readonly timeout?: number;
  readonly mixesCase?: boolean;
  readonly trace?: DnsTrace | undefined;
  readonly clock?: HostClock;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class DnsResolver {
  readonly #machine: StubResolver;
  readonly #options: DnsResolverOptions;
  readonly #clock: HostClock;
  readonly #timer: MachineTimer;
  readonly #waiting = new Map<number, Waiting>();
  /** Closes the sockets of exchanges in progress. */
  readonly #exchanges = new Map<number, () => void>();

  constructor(options: DnsResolverOptions) {
    const { servers, timeout, mixesCase, trace, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#machine = new StubResolver({
      servers,
      rng: systemRng,
      trace,
      ...(timeout === undefined ? {} : { timeout: millis(timeout) }),
      ...(mixesCase === undefined ? {} : { mixesCase }),
    });
    this.#timer = new MachineTimer(
      this.#handleFault,
      (now) => {
        this.#machine.handleTimeout(now);
        this.#run();
      },
      clock,
    );
  }

  /** Resolves an absolute name. Rejects only with the signal's reason. */
  resolve(name: string, type: number, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const handle = this.#machine.ask(name, type, this.#clock.now());
      const abort = guard("client dns abort", this.#handleFault, () => {
        this.#waiting.delete(handle);
        this.#machine.cancel(handle);
        this.#run();
        reject(signal!.reason);
      });
      const forget = (): void => signal?.removeEventListener("abort", abort);
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.set(handle, {
        resolve: (answer) => {
          forget();
          resolve(answer);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      });
      this.#run();
    });
  }

  /** Forgets all answers: the network has changed. */
  forget(): void {
    this.#machine.forget();
  }

  /** Other servers from now on. Questions in progress stay with theirs. */
  useServers(servers: readonly DnsServer[]): void {
    this.#machine.useServers(servers);
  }

  /** An exception in this code: every question fails. */
  readonly #handleFault = ({ error }: Fault): void => {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const close of this.#exchanges.values()) close();
    this.#exchanges.clear();
    for (const each of all) each.reject(error);
  };

  #run(): void {
    const machine = this.#machine;
    for (let next = machine.pollCommand(); next !== undefined; next = machine.pollCommand()) this.#perform(next);
    for (let next = machine.pollEvent(); next !== undefined; next = machine.pollEvent()) {
      const waiting = this.#waiting.get(next.handle);
      this.#waiting.delete(next.handle);
      waiting?.resolve(next.answer);
    }
    this.#timer.set(machine.nextTimeout());
  }

  #perform(command: ResolverCommand): void {
    const { exchange } = command;
    if (command.type === "close") {
      this.#exchanges.get(exchange)?.();
      this.#exchanges.delete(exchange);
      return;
    }
    const { server, over, message } = command;
    const close = openExchange(
      server,
      over,
      message,
      {
        onResponse: (bytes) => {
          this.#machine.handleResponse(exchange, bytes, this.#clock.now());
          this.#run();
        },
        onFailure: (why) => {
          this.#machine.handleFailure(exchange, why, this.#clock.now());
          this.#run();
        },
        onFault: this.#handleFault,
      },
      this.#options,
    );
    this.#exchanges.set(exchange, close);
  }
}
