/**
 * Keeps one certificate: obtains it, renews it in time, and uses what other processes with the same storage have obtained.
 * While an order fails, the previous certificate stays in use.
 */

import { join } from "node:path";
import { type Identity, loadIdentity } from "../certificates/identity.ts";
import { secureContextOf } from "../certificates/secure-context.ts";
import type { Account } from "./account.ts";
import type { ChallengeKind } from "./answers.ts";
import { BackOff, type FailedAttempts } from "./back-off.ts";
import type { AcmeClient } from "./client.ts";
import { jittered } from "./clock.ts";
import { DiskStorage } from "./disk-storage.ts";
import { AcmeError } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { groupKey } from "./names.ts";
import type { CheckedOptions } from "./options.ts";
import { type ChallengeSolver, type IssuedCertificate, obtainCertificate, type StoredOrder } from "./order.ts";
import { type RenewalPlan, renewalId, renewalPlan } from "./renewal.ts";
import type { StorageLock } from "./storage.ts";

/** What the keepers of one authority share. */
export interface KeeperHost {
  readonly options: CheckedOptions;
  readonly client: AcmeClient;
  readonly account: Account;
  readonly solver: ChallengeSolver;
  /** Bounds the orders at the same time. */
  readonly gate: Gate;
  /** The part of storage keys that stands for the authority. */
  readonly place: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Called when an order has failed. */
  readonly onFailure: (error: Error) => void;
  /** Called when a keeper has a new certificate; `isOwn` if it has ordered it. */
  readonly onChange: (isOwn: boolean) => Promise<void>;
}

/** A process that was killed on another machine delays the others for so many milliseconds. */
const LOCK_LIFETIME = 30_000;
const LOCK_POLL = 1_000;
const SHORTEST_USE = 3_600_000;
/** The next look at a certificate for which nothing else is planned. */
const LONGEST_SLEEP = 24 * 3_600_000;

export class CertificateKeeper {
  readonly names: readonly string[];
  readonly #host: KeeperHost;
  readonly #key: string;
  readonly #backOff: BackOff;
  #pem: string | undefined;
  #identity: Identity | undefined;
  #plan: RenewalPlan | undefined;
  /** When this process has ordered the certificate, in milliseconds since 1970. */
  #orderedAt = Number.NEGATIVE_INFINITY;
  #wakeUp: () => void = () => undefined;
  /** True if something has changed since the last look. */
  #isWoken = false;
  /** True if the operator asked for an attempt now. */
  #isUrgent = false;
  /** The failure that was logged last. */
  #failed: FailedAttempts | undefined;
  /** Calls that wait for the first certificate. */
  readonly #waiting: { resolve(identity: Identity): void; reject(error: Error): void }[] = [];

  constructor(names: readonly string[], host: KeeperHost) {
    this.names = names;
    this.#host = host;
    this.#key = `${host.place}/${groupKey(names)}`;
    this.#backOff = new BackOff(host.options.storage, `failures/${this.#key}.json`, host.client.clock);
  }

  /** Undefined until there is a certificate. It may have expired. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Reads the certificate from the storage. True if it is new here. */
  async load(): Promise<boolean> {
    const pem = await this.#host.options.storage.get(`certificates/${this.#key}.pem`);
    if (pem === undefined || pem === this.#pem) return false;
    try {
      this.#use(pem);
      return true;
    } catch (error) {
      this.#host.log(`nagare: the stored certificate for ${this.#label} is not used: ${(error as Error).message}`);
      return false;
    }
  }

  /** Obtains and renews until the host closes. Never rejects. */
  async run(): Promise<void> {
    const { signal, client } = this.#host;
    while (!signal.aborted) {
      let pause: number;
      try {
        pause = await this.#step();
      } catch (error) {
        if (signal.aborted) break;
        pause = await this.#fail(error as Error);
      }
      const sleep = new AbortController();
      this.#wakeUp = () => sleep.abort();
      if (signal.aborted) break;
      if (this.#isWoken) pause = 0; // during the step
      this.#isWoken = false;
      await client.clock.wait(Math.min(Math.max(pause, 0), LONGEST_SLEEP), sleep.signal).catch(() => undefined);
    }
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the server is closing"));
  }

  /** Looks again at once. With `isUrgent`, a pause after failures is cut short, unless the authority set it. */
  wake(isUrgent = false): void {
    this.#isUrgent ||= isUrgent;
    this.#isWoken = true;
    this.#wakeUp();
  }

  /** Resolves when there is a certificate; rejects when the next attempt fails, or if one has failed recently. */
  whenObtained(): Promise<Identity> {
    if (this.#identity !== undefined) return Promise.resolve(this.#identity);
    const failed = this.#failed;
    if (failed !== undefined && failed.until > this.#host.client.clock.now()) {
      return Promise.reject(new Error(failed.reason));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Does what is due, and returns the milliseconds until the next look. */
  async #step(): Promise<number> {
    const { client, signal, options } = this.#host;
    const { clock } = client;
    const isUrgent = this.#isUrgent;
    this.#isUrgent = false;
    if (this.#identity !== undefined) {
      if (this.#plan === undefined || clock.now() >= this.#plan.askAt) {
        this.#plan = await renewalPlan(client, this.#identity, signal);
      }
      const { askAt } = this.#plan;
      const renewAt = Math.max(this.#plan.renewAt, this.#orderedAt + shortestUse(this.#identity));
      if (clock.now() < renewAt) return Math.min(renewAt, askAt) - clock.now();
    }
    const current = this.#identity;
    const failed = await this.#backOff.read();
    if (failed !== undefined && clock.now() < failed.until && (failed.isFixed || !isUrgent)) {
      this.#announce(failed);
      return failed.until - clock.now();
    }
    const lock = await options.storage.lock(`certificates/${this.#key}`, LOCK_LIFETIME);
    if (lock === undefined) {
      this.#isUrgent = isUrgent;
      return jittered(LOCK_POLL, clock);
    }
    await this.#holding(lock, async () => {
      // Another process may have been first; its certificate may have been read already.
      if ((await this.load()) || this.#identity !== current) await this.#host.onChange(false);
      else await this.#host.gate.run(() => this.#order(failed));
    });
    return 0;
  }

  async #order(failed: FailedAttempts | undefined): Promise<void> {
    const { log, client, options } = this.#host;
    const kinds = rotated(options.kinds, failed?.count ?? 0);
    log(`nagare: asking ${client.authority} for a certificate for ${this.#label}`);
    const issued = await this.#obtain(kinds);
    const pem = `${issued.key.trim()}\n${issued.cert.trim()}\n`;
    this.#use(pem);
    this.#orderedAt = client.clock.now();
    await options.storage.put(`certificates/${this.#key}.pem`, pem);
    await this.#backOff.clear();
    await this.#host.onChange(true);
  }

  async #obtain(kinds: readonly ChallengeKind[]): Promise<IssuedCertificate> {
    const { client, account, options, solver, signal } = this.#host;
    const { storage, keyType, profile, preferredChain: chain } = options;
    const orderKey = `orders/${this.#key}.json`;
    const current = this.#identity?.chain[0];
    const run = async (): Promise<IssuedCertificate> =>
      obtainCertificate(client, await account.signer(signal), {
        names: this.names,
        kinds,
        solver,
        signal,
        keyType,
        profile,
        chain,
        replaces: current && renewalId(current),
        stored: parseStored(await storage.get(orderKey)),
        save: (order) =>
          order === undefined ? storage.delete(orderKey) : storage.put(orderKey, JSON.stringify(order)),
      });
    try {
      return await run();
    } catch (error) {
      const { code } = error as AcmeError;
      // The operator may replace it in the storage.
      if (code === "ACME_ACCOUNT_DEACTIVATED") account.reread();
      if (code !== "ACME_ACCOUNT_UNKNOWN") throw error;
      // The authority has lost the account, as one for tests does with every restart.
      await account.forget();
      return run();
    }
  }

  #use(pem: string): void {
    const start = pem.indexOf("-----BEGIN CERTIFICATE");
    const now = new Date(this.#host.client.clock.now());
    const source = { key: pem.slice(0, Math.max(start, 0)), cert: pem.slice(Math.max(start, 0)) };
    const identity = loadIdentity(source, { now, ignoreValidity: true });
    const missing = this.names.find((name) => !identity.names.includes(name));
    if (missing !== undefined) {
      throw new AcmeError("ACME_CERTIFICATE_UNUSABLE", `the certificate does not have the name ${missing}`);
    }
    secureContextOf(identity);
    this.#pem = pem;
    this.#identity = identity;
    this.#plan = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve(identity);
  }

  /** Works while the lock is held, and extends it. */
  async #holding(lock: StorageLock, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#host.client;
    const done = new AbortController();
    const beat = async (): Promise<void> => {
      do await clock.wait(LOCK_LIFETIME / 3, done.signal);
      while (await lock.refresh());
    };
    const beating = beat().catch(() => undefined);
    try {
      await work();
    } finally {
      done.abort();
      await beating;
      await lock.release().catch(() => undefined);
    }
  }

  async #fail(error: Error): Promise<number> {
    const { clock } = this.#host.client;
    const described = this.#withRemedy(error);
    const failed = await this.#backOff.note(described);
    this.#host.onFailure(described);
    this.#announce(failed);
    return failed.until - clock.now();
  }

  #announce(failed: FailedAttempts): void {
    const { until, reason } = failed;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
    if (this.#failed?.until === until) return;
    this.#failed = failed;
    const kept = this.#identity;
    const now = this.#host.client.clock.now();
    const effect =
      kept === undefined
        ? `there is no certificate for ${this.#label} yet`
        : kept.notAfter.getTime() > now
          ? `the certificate for ${this.#label}, valid until ${kept.notAfter.toISOString()}, stays in use`
          : `the certificate for ${this.#label} has expired`;
    this.#host.log(`nagare: ${effect}: ${reason}; next attempt at ${new Date(until).toISOString()}`);
  }

  #withRemedy(error: Error): Error {
    if (!(error instanceof AcmeError) || error.code !== "ACME_ACCOUNT_DEACTIVATED") return error;
    const { account } = this.#host;
    const { storage } = this.#host.options;
    const place =
      storage instanceof DiskStorage
        ? join(storage.folder, account.storageKey)
        : `${account.storageKey} from the storage`;
    const message = `${error.message}: to open a new one, delete ${place}`;
    return new AcmeError(error.code, message, { cause: error, names: error.names, retryAt: error.retryAt });
  }

  get #label(): string {
    const [first, ...others] = this.names;
    return others.length === 0 ? first! : `${first} and ${others.length} more`;
  }
}

/** However early the authority or the clock asks for the next certificate, this one is used so many milliseconds. */
const shortestUse = ({ notBefore, notAfter }: Identity): number =>
  Math.min((notAfter.getTime() - notBefore.getTime()) / 3, SHORTEST_USE);

/** Another challenge comes first after each failure. */
const rotated = <T>(list: readonly T[], by: number): readonly T[] => {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
};

function parseStored(text: string | undefined): StoredOrder | undefined {
  if (text === undefined) return undefined;
  try {
    const { url, key } = JSON.parse(text) as Partial<StoredOrder>;
    return typeof url === "string" && typeof key === "string" ? { url, key } : undefined;
  } catch {
    return undefined;
  }
}
