/** Certificates for names that clients ask for: only allowed ones, a limited number, each obtained once. */

import { coversDnsName } from "../certificates/host-name.ts";
import type { Identity } from "../certificates/identity.ts";
import { AcmeError } from "./errors.ts";
import { CertificateKeeper, type KeeperHost } from "./keeper.ts";
import { checkName } from "./names.ts";
import type { OnDemandOptions } from "./options.ts";

const DEFAULT_LIMIT = 1_000;
/** Refused names that are remembered, and for how many milliseconds. */
const MAX_REFUSED = 10_000;
const REFUSAL_TIME = 60_000;
/** Questions to `allow` at the same time. */
const MAX_QUESTIONS = 100;
const QUESTION_TIMEOUT = 5_000;
/** Milliseconds that a handshake waits for a certificate. Clients wait hardly longer. */
const PATIENCE = 12_000;

export class OnDemand {
  readonly #options: OnDemandOptions;
  readonly #host: KeeperHost;
  readonly #run: (keeper: CertificateKeeper) => void;
  readonly #keepers = new Map<string, CertificateKeeper>();
  readonly #questions = new Map<string, Promise<CertificateKeeper | undefined>>();
  /** Until when, in milliseconds since 1970. */
  readonly #refused = new Map<string, number>();
  #isFullReported = false;

  constructor(options: OnDemandOptions, host: KeeperHost, run: (keeper: CertificateKeeper) => void) {
    this.#options = options;
    this.#host = host;
    this.#run = run;
  }

  get keepers(): Iterable<CertificateKeeper> {
    return this.#keepers.values();
  }

  close(): void {
    for (const keeper of this.#keepers.values()) keeper.wake();
  }

  async select(serverName: string): Promise<Identity | undefined> {
    const name = nameOrNothing(serverName);
    if (name === undefined) return undefined;
    const keeper = this.#keepers.get(name) ?? (await this.#ask(name));
    if (keeper === undefined) return undefined;
    return keeper.identity ?? this.#patiently(keeper);
  }

  async #patiently(keeper: CertificateKeeper): Promise<Identity> {
    const { clock } = this.#host.client;
    const done = new AbortController();
    const late = async (): Promise<never> => {
      await clock.wait(PATIENCE, done.signal);
      throw new AcmeError("ACME_AUTHORITY_FAILED", `the certificate for ${keeper.names[0]} is not there yet`);
    };
    try {
      return await Promise.race([keeper.whenObtained(), late()]);
    } finally {
      done.abort();
    }
  }

  /** Asks once for all handshakes with the name. */
  #ask(name: string): Promise<CertificateKeeper | undefined> {
    const asked = this.#questions.get(name);
    if (asked !== undefined) return asked;
    const until = this.#refused.get(name);
    if (until !== undefined && until > this.#host.client.clock.now()) return Promise.resolve(undefined);
    if (this.#questions.size >= MAX_QUESTIONS) return Promise.resolve(undefined);
    const question = this.#open(name).finally(() => this.#questions.delete(name));
    this.#questions.set(name, question);
    return question;
  }

  async #open(name: string): Promise<CertificateKeeper | undefined> {
    const { log } = this.#host;
    const { limit = DEFAULT_LIMIT } = this.#options;
    if (this.#keepers.size >= limit) {
      if (!this.#isFullReported) log(`nagare: no certificate on demand for ${name}: onDemand.limit is ${limit}`);
      this.#isFullReported = true;
      return undefined;
    }
    if (!(await this.#allows(name))) {
      this.#refuse(name);
      return undefined;
    }
    const keeper = new CertificateKeeper([name], this.#host);
    await keeper.load();
    this.#keepers.set(name, keeper);
    this.#run(keeper);
    return keeper;
  }

  async #allows(name: string): Promise<boolean> {
    const { allow } = this.#options;
    try {
      if (typeof allow === "function") return (await allow(name)) === true;
      if (typeof allow !== "string")
        return allow.some((pattern) => pattern.toLowerCase() === name || coversDnsName(pattern.toLowerCase(), name));
      const url = new URL(allow);
      url.searchParams.set("domain", name);
      const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(QUESTION_TIMEOUT) });
      await response.body?.cancel();
      return response.status === 200;
    } catch (error) {
      this.#host.log(`nagare: onDemand.allow failed for ${name}: ${(error as Error).message}`);
      return false;
    }
  }

  #refuse(name: string): void {
    if (this.#refused.size >= MAX_REFUSED) this.#refused.clear();
    this.#refused.set(name, this.#host.client.clock.now() + REFUSAL_TIME);
  }
}

/** Undefined for what no certificate can be for. */
function nameOrNothing(serverName: string): string | undefined {
  try {
    const name = checkName(serverName);
    return name.startsWith("*.") ? undefined : name;
  } catch {
    return undefined;
  }
}
