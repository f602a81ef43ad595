/** The certificates of one authority and one set of options: keepers, challenges, names on demand. */

import { type Identity, type IdentitySource, loadIdentity } from "../certificates/identity.ts";
import { selfSigned } from "../certificates/self-signed.ts";
import { describeFault, detach, type Fault } from "../guard.ts";
import { Account } from "./account.ts";
import { ChallengeAnswers, type ChallengeKind, dnsValueOf, isToken } from "./answers.ts";
import { AcmeClient } from "./client.ts";
import { type AcmeClock, systemAcmeClock } from "./clock.ts";
import { dnsNameOf } from "./dns-hook.ts";
import { AcmeError } from "./errors.ts";
import { Gate } from "./gate.ts";
import { CertificateKeeper, type KeeperHost } from "./keeper.ts";
import { authorityKey } from "./names.ts";
import { OnDemand } from "./on-demand.ts";
import type { AcmeOptions, CheckedOptions } from "./options.ts";
import type { ChallengeSolver } from "./order.ts";
import type { Storage } from "./storage.ts";
import { challengeCertificate, challengeServerName } from "./tls-alpn.ts";

export interface ManagerOptions {
  readonly log: (line: string) => void;
  /** "order" obtains certificates; "follow" only uses those that another process obtains, except on demand. */
  readonly role: "order" | "follow";
  readonly clock?: AcmeClock | undefined;
  readonly onFailure?: (error: Error) => void;
  /** The options as they were given. */
  readonly given?: AcmeOptions;
  /** Certificates in use, for names that have none of this manager yet. */
  readonly standIns?: readonly Identity[];
}

const PARALLEL_ORDERS = 4;
/** How often the storage is asked whether another process has obtained a certificate, in milliseconds. */
const FOLLOW_POLL = 1_000;
const WELL_KNOWN = "/.well-known/acme-challenge/";

export class AcmeManager {
  readonly given: AcmeOptions | undefined;
  readonly #options: CheckedOptions;
  readonly #role: ManagerOptions["role"];
  readonly #clock: AcmeClock;
  readonly #log: (line: string) => void;
  readonly #abort = new AbortController();
  readonly #client: AcmeClient;
  readonly #answers: ChallengeAnswers;
  readonly #keepers: readonly CertificateKeeper[];
  readonly #onDemand: OnDemand | undefined;
  readonly #changes: string;
  readonly #running: Promise<void>[] = [];
  readonly #placeholders = new Map<CertificateKeeper, Identity>();
  readonly #standIns: readonly Identity[];
  #known: string | undefined;
  #onChange: () => Promise<void> = () => Promise.resolve();

  constructor(options: CheckedOptions, managerOptions: ManagerOptions) {
    const { log, role, clock = systemAcmeClock, standIns = [], onFailure } = managerOptions;
    const { directory, ca, storage } = options;
    this.given = managerOptions.given;
    this.#options = options;
    this.#role = role;
    this.#standIns = standIns;
    this.#clock = clock;
    this.#log = log;
    this.#client = new AcmeClient({ directory, ca, clock });
    this.#answers = new ChallengeAnswers(storage, clock);
    this.#changes = `changes/${authorityKey(directory)}`;
    const host: KeeperHost = {
      options,
      client: this.#client,
      account: new Account(this.#client, storage, options),
      solver: solverOf(this.#answers, options),
      gate: new Gate(PARALLEL_ORDERS),
      place: authorityKey(directory),
      signal: this.#abort.signal,
      log,
      onFailure: onFailure ?? (() => undefined),
      onChange: async (isOwn) => {
        if (isOwn) await this.#tellOthers();
        await this.#onChange();
      },
    };
    this.#keepers = options.domains.map((names) => new CertificateKeeper(names, host));
    if (options.onDemand !== undefined) {
      this.#onDemand = new OnDemand(options.onDemand, host, (keeper) => this.#run(keeper));
    }
  }

  /** Reads what is stored. Rejects with an `AcmeError` if the storage cannot be used. */
  async load(): Promise<void> {
    const { storage } = this.#options;
    try {
      await checkWritable(storage);
      this.#known = await storage.get(this.#changes);
      for (const keeper of this.#keepers) await keeper.load();
    } catch (cause) {
      const message = `the storage of certificates cannot be used: ${(cause as Error).message}`;
      throw new AcmeError("ACME_OPTION_INVALID", message, { cause });
    }
  }

  /** One identity for each entry of `domains`, in order: self-signed until there is a certificate. */
  identities(): readonly Identity[] {
    return this.#keepers.map((keeper) => keeper.identity ?? this.#placeholderFor(keeper));
  }

  /** Starts to obtain and to renew. `onChange` puts new certificates to use. */
  start(onChange: () => Promise<void>): void {
    this.#onChange = onChange;
    if (this.#role === "order") for (const keeper of this.#keepers) this.#run(keeper);
    detach("acme storage", this.#report, this.#follow());
  }

  /** Tries again at once what has failed, unless the authority has set a time. */
  retry(): void {
    for (const keeper of this.#keepers) keeper.wake(true);
  }

  close(): void {
    this.#abort.abort(new Error("the server is closing"));
    for (const keeper of this.#keepers) keeper.wake();
    this.#onDemand?.close();
    this.#client.close();
  }

  /** The answer to http-01 (RFC 8555 §8.3); undefined if the path is not that of a challenge under way. */
  async answerHttp(path: string): Promise<string | undefined> {
    const token = path.startsWith(WELL_KNOWN) ? path.slice(WELL_KNOWN.length) : "";
    return isToken(token) ? this.#answers.find("http-01", token) : undefined;
  }

  /** The certificate for tls-alpn-01 (RFC 8737); undefined if no challenge is under way for the name. */
  async answerTlsAlpn(serverName: string): Promise<IdentitySource | undefined> {
    const name = serverName.toLowerCase();
    const stored = await this.#answers.find("tls-alpn-01", name);
    if (stored === undefined) return undefined;
    const [identifier, keyAuthorization] = stored.split(" ");
    return challengeCertificate(identifier!, keyAuthorization!, new Date(this.#clock.now()));
  }

  /** True if certificates are obtained for further names. */
  get isOnDemand(): boolean {
    return this.#onDemand !== undefined;
  }

  /** The certificate for a name outside `domains`. Undefined if it is not allowed; rejects if it cannot be obtained. */
  async select(serverName: string): Promise<Identity | undefined> {
    return this.#onDemand?.select(serverName);
  }

  /** Resolves when orders that `close` has interrupted have released their locks. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #run(keeper: CertificateKeeper): void {
    const running = keeper.run();
    this.#running.push(running);
    detach("acme certificate", this.#report, running);
  }

  readonly #report = (fault: Fault): void => this.#log(describeFault(fault));

  async #tellOthers(): Promise<void> {
    const change = `${this.#clock.now()} ${process.pid} ${this.#clock.random()}`;
    this.#known = change;
    await this.#options.storage.put(this.#changes, change);
  }

  /** Uses certificates that other processes obtain. */
  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#clock.wait(FOLLOW_POLL, signal).catch(() => undefined);
      if (signal.aborted) return;
      // A storage that cannot be read now may be readable later; keepers report it.
      const change = await this.#options.storage.get(this.#changes).catch(() => this.#known);
      if (change === this.#known) continue;
      this.#known = change;
      await this.#reload();
    }
  }

  async #reload(): Promise<void> {
    let isChanged = false;
    for (const keeper of [...this.#keepers, ...(this.#onDemand?.keepers ?? [])]) {
      const isNew = await keeper.load().catch(() => false);
      if (isNew) keeper.wake();
      isChanged ||= isNew;
    }
    if (isChanged) await this.#onChange();
  }

  #placeholderFor(keeper: CertificateKeeper): Identity {
    let placeholder = this.#placeholders.get(keeper);
    if (placeholder === undefined) {
      const standIn = this.#standIns.find(({ names }) => keeper.names.every((name) => names.includes(name)));
      placeholder = standIn ?? placeholderFor(keeper.names, new Date(this.#clock.now()));
      this.#placeholders.set(keeper, placeholder);
    }
    return placeholder;
  }
}

/** Lets the server listen before it has a certificate. Clients refuse it, with the message that it is self-signed. */
export function placeholderFor(names: readonly string[], now: Date): Identity {
  const pem = selfSigned({ subject: "Nagare, waiting for a certificate", names, now, lifetime: 30 * 86_400_000 });
  return loadIdentity({ cert: pem, key: pem }, { ignoreValidity: true });
}

async function checkWritable(storage: Storage): Promise<void> {
  const key = `probes/${process.pid}`;
  await storage.put(key, "");
  await storage.delete(key);
}

/** Presents answers where the authority will look for them. */
function solverOf(answers: ChallengeAnswers, { dnsHook }: CheckedOptions): ChallengeSolver {
  const idOf = (kind: ChallengeKind, name: string, token: string): string =>
    kind === "http-01" ? token : challengeServerName(name);
  return {
    present: async (kind, name, token, keyAuthorization) => {
      if (kind === "dns-01") await dnsHook!.set(dnsNameOf(name), dnsValueOf(keyAuthorization));
      else if (kind === "http-01") await answers.set(kind, token, keyAuthorization);
      else await answers.set(kind, challengeServerName(name), `${name} ${keyAuthorization}`);
    },
    remove: async (kind, name, token, keyAuthorization) => {
      if (kind === "dns-01") await dnsHook!.remove(dnsNameOf(name), dnsValueOf(keyAuthorization));
      else await answers.remove(kind, idOf(kind, name, token));
    },
  };
}
