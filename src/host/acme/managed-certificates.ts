/**
 * A running server's certificates when some of them come from an authority: the others are given or watched as always, and
 * all of them are replaced together.
 */

import { isDeepStrictEqual } from "node:util";
import {
  type CertificateSource,
  Certificates,
  type CertificatesOptions,
  type HandshakeHooks,
  type Identities,
  keptFor,
  loadSources,
} from "../certificates/certificates.ts";
import type { Identity, IdentitySource } from "../certificates/identity.ts";
import type { SelectByName } from "../certificates/select-by-name.ts";
import { describeFault, detach, type Fault } from "../guard.ts";
import type { AcmeClock } from "./clock.ts";
import { AcmeManager, placeholderFor } from "./manager.ts";
import { type AcmeOptions, checkAcmeOptions } from "./options.ts";

/** Certificates that an authority issues by itself. */
export interface AutoSource {
  readonly auto: AcmeOptions;
}

export type ManagedSource = CertificateSource | AutoSource;

export interface ManagedOptions extends CertificatesOptions {
  /** "order" by default. See `AcmeManager`. */
  readonly role?: "order" | "follow";
  /** True if the caller answers http-01 with `answerHttp` on a port of its own. */
  readonly hasHttp?: boolean;
  readonly clock?: AcmeClock;
}

export const isAuto = (source: ManagedSource): source is AutoSource => "auto" in source;

type Selected = Parameters<SelectByName>[2];

/** A source as it is used: one that is given, or the manager of those that an authority issues. */
type Entry = CertificateSource | AcmeManager;

/** Rejects with an `IdentityError` or an `AcmeError` if one of the sources cannot be used. */
export async function loadManaged(
  sources: readonly [ManagedSource, ...ManagedSource[]],
  options: ManagedOptions,
): Promise<ManagedCertificates> {
  const entries = await entriesOf(sources, options);
  const certificates = sourcesOf(entries);
  const { identities, states } = await loadSources(certificates);
  return new ManagedCertificates(identities, options, entries, certificates, states);
}

export class ManagedCertificates extends Certificates {
  readonly #options: ManagedOptions;
  #entries: readonly Entry[];
  /** The names of the identities. */
  #covered: { readonly identities: Identities; readonly names: ReadonlySet<string> } | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(
    identities: Identities,
    options: ManagedOptions,
    entries: readonly Entry[],
    sources: readonly CertificateSource[],
    states: readonly string[],
  ) {
    super(identities, options, sources, states);
    this.#options = options;
    this.#entries = entries;
  }

  override get takesAuto(): boolean {
    return true;
  }

  override get hooks(): HandshakeHooks {
    return {
      answerTlsAlpn: (name) => this.#first((manager) => manager.answerTlsAlpn(name)),
      selectByName: (name, _transport, done) => this.#selectByName(name, done),
    };
  }

  /** The body for a path under /.well-known/acme-challenge/ (RFC 8555 §8.3); undefined if it is none of ours. */
  readonly answerHttp = (path: string): Promise<string | undefined> =>
    this.#first((manager) => manager.answerHttp(path));

  override start(onChange: (identities: Identities) => void): void {
    super.start(onChange);
    this.#isStarted = true;
    this.#startManagers();
  }

  /**
   * Replaces the sources, also automatic ones. Without sources, reads files again, and tries again at once to obtain what
   * has failed, unless the authority has set a time.
   */
  override async reload(sources?: readonly ManagedSource[]): Promise<void> {
    if (sources === undefined) {
      for (const manager of this.#managers) manager.retry();
      return super.reload(sourcesOf(this.#entries));
    }
    const before = this.#managers;
    const entries = await entriesOf(sources, this.#options, this.identities, before);
    try {
      await super.reload(sourcesOf(entries));
    } catch (error) {
      for (const entry of entries) if (entry instanceof AcmeManager && !before.includes(entry)) entry.close();
      throw error;
    }
    this.#entries = entries;
    for (const manager of before) if (!entries.includes(manager)) manager.close();
    if (this.#isClosed) for (const manager of this.#managers) manager.close();
    else if (this.#isStarted) this.#startManagers(before);
  }

  override close(): void {
    this.#isClosed = true;
    super.close();
    for (const manager of this.#managers) manager.close();
  }

  override async settled(): Promise<void> {
    await Promise.all(this.#managers.map((manager) => manager.settled()));
  }

  get #managers(): readonly AcmeManager[] {
    return this.#entries.filter((entry) => entry instanceof AcmeManager);
  }

  /** Those that run already go on. */
  #startManagers(running: readonly AcmeManager[] = []): void {
    for (const manager of this.#managers)
      if (!running.includes(manager)) manager.start(() => this.update(sourcesOf(this.#entries)));
  }

  async #first<T>(ask: (manager: AcmeManager) => Promise<T | undefined>): Promise<T | undefined> {
    for (const manager of this.#managers) {
      const answer = await ask(manager);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #selectByName(name: string, done: Selected): void {
    if (!this.#managers.some(({ isOnDemand }) => isOnDemand) || this.#covers(name.toLowerCase())) {
      done(null);
      return;
    }
    const onFault = (fault: Fault): void => {
      this.#options.log(describeFault(fault));
      done(fault.error);
    };
    detach("acme server name", onFault, this.#selectOnDemand(name, done));
  }

  /** True if one of the certificates is for the name. */
  #covers(name: string): boolean {
    if (this.#covered?.identities !== this.identities) {
      this.#covered = { identities: this.identities, names: new Set(this.identities.flatMap(({ names }) => names)) };
    }
    const { names } = this.#covered;
    return names.has(name) || names.has(name.replace(/^[^.]*/, "*"));
  }

  async #selectOnDemand(name: string, done: Selected) {
    let identity: Identity | undefined;
    let error: Error = new Error(`there is no certificate for ${name}`);
    try {
      identity = await this.#first((manager) => manager.select(name));
    } catch (failed) {
      error = failed as Error;
    }
    if (identity === undefined) done(error);
    else done(null, { identity });
  }
}

async function entriesOf(
  sources: readonly ManagedSource[],
  options: ManagedOptions,
  standIns: readonly Identity[] = [],
  running: readonly AcmeManager[] = [],
): Promise<readonly Entry[]> {
  const { log, role = "order", clock, hasHttp, onReload } = options;
  const onFailure = (error: Error): void => onReload?.(keptFor(error));
  const entries: Entry[] = [];
  for (const source of sources) {
    if (!isAuto(source)) {
      entries.push(source);
      continue;
    }
    // With the same options, orders go on and no pause is cut short.
    const same = running.find((each) => !entries.includes(each) && isDeepStrictEqual(each.given, source.auto));
    const checked = checkAcmeOptions(source.auto, hasHttp);
    const manager = same ?? new AcmeManager(checked, { log, role, clock, standIns, onFailure, given: source.auto });
    if (same === undefined) await manager.load();
    entries.push(manager);
  }
  return entries;
}

/** In the order of the entries. A server that has only names on demand needs one for clients that send no name. */
function sourcesOf(entries: readonly Entry[]): readonly [IdentitySource | CertificateSource, ...CertificateSource[]] {
  const [first, ...others] = entries.flatMap((entry): readonly CertificateSource[] =>
    entry instanceof AcmeManager ? entry.identities() : [entry],
  );
  return first === undefined ? [placeholderFor(["on-demand.invalid"], new Date())] : [first, ...others];
}
