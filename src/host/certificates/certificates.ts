/**
 * The certificates of a running server: where they come from, and their replacement.
 *
 * Files are watched by polling `stat`, not with fs.watch. Polling follows every link, so it sees the swap of certbot's
 * symlinks, of Kubernetes' `..data` folder, or of a link further up, an editor's rename, and changes on network and
 * container file systems, where fs.watch is silent. A change is read at the second poll that sees it, since a writer may
 * be half done at the first: after half a second at the latest. What is unusable at that moment is read again until the
 * files rest; only then is the problem logged, once.
 *
 * A set may have thousands of names. `stat` is called synchronously, because that takes microseconds and a thread's round
 * trip ten times as long, and long work is done in slices, so that requests do not wait for it.
 */

import { setImmediate } from "node:timers/promises";
import { fileState } from "../file-state.ts";
import { describeFault, detach, type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";
import { type Identity, type IdentitySource, loadIdentity, loadIdentityFiles } from "./identity.ts";
import { secureContextOf } from "./secure-context.ts";
import type { SelectByName } from "./select-by-name.ts";

/** A certificate and its key in files, which are read again when they change. */
export interface IdentityFiles {
  /** PEM: the server's certificate first, then the chain. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
}

/** A certificate with its key: PEM, or the names of files. */
export type CertificateSource = IdentitySource | IdentityFiles;

export type Identities = readonly [Identity, ...Identity[]];

/** What became of new certificates. */
export type ReloadOutcome =
  | { readonly outcome: "replaced"; readonly certificates: readonly Pick<Identity, "names" | "notAfter">[] }
  /** `reload` found the certificates in use. */
  | { readonly outcome: "unchanged" }
  /** They cannot be used. `code` is an `IdentityError`'s. */
  | { readonly outcome: "kept"; readonly code: string; readonly reason: string };

export interface CertificatesOptions {
  /** Receives a line about each replacement, and about files that cannot be used. */
  readonly log: (line: string) => void;
  /** Receives the outcome of each reload, and of each change of watched files. */
  readonly onReload?: ((outcome: ReloadOutcome) => void) | undefined;
  /** False to read files only at the start and on `reload`. */
  readonly watch?: boolean;
  /** Milliseconds between two looks at the files. */
  readonly interval?: number;
}

const INTERVAL = 250;

export const isFiles = (source: CertificateSource): source is IdentityFiles => "certFile" in source;

/** How certificates take part in handshakes, besides being selected by their names. */
export interface HandshakeHooks {
  readonly selectByName?: SelectByName;
  /** The certificate that proves control of a name to an authority (RFC 8737); undefined if none asks for it now. */
  readonly answerTlsAlpn?: (serverName: string) => Promise<IdentitySource | undefined>;
}

/** Rejects with an `IdentityError` if one of the sources cannot be used. */
export async function loadCertificates(
  sources: readonly [CertificateSource, ...CertificateSource[]],
  options: CertificatesOptions,
): Promise<Certificates> {
  const { identities, states } = await loadSources(sources);
  return new Certificates(identities, options, sources, states);
}

/** The identities of sources, and the states of their files. */
export async function loadSources(
  sources: readonly [CertificateSource, ...CertificateSource[]],
): Promise<{ readonly identities: Identities; readonly states: readonly string[] }> {
  const states = await fileStates(sources);
  const [first, ...others] = await inSlices(sources, load);
  return { identities: [first!, ...others], states };
}

export class Certificates {
  #onChange: (identities: Identities) => void = () => undefined;
  #identities: Identities;
  #sources: readonly CertificateSource[];
  readonly #options: CertificatesOptions;
  /** The state of each source's files when they were last read, or were found unusable. */
  #known: readonly string[];
  /** The states at the last look, while they differ from `#known`. */
  #seen: readonly string[] | undefined;
  #problem: string | undefined;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Counts calls of `reload`, which make the results of earlier reads obsolete. */
  #generation = 0;

  constructor(
    identities: Identities,
    options: CertificatesOptions,
    sources: readonly CertificateSource[] = [],
    states: readonly string[] = [],
  ) {
    this.#identities = identities;
    this.#options = options;
    this.#sources = sources;
    this.#known = states;
  }

  get identities(): Identities {
    return this.#identities;
  }

  /** True if `reload` also takes sources that an authority issues. */
  get takesAuto(): boolean {
    return false;
  }

  /** For the listeners. None by default. */
  get hooks(): HandshakeHooks {
    return {};
  }

  /** Starts to watch. `onChange` puts new identities to use, and throws if they cannot be used. */
  start(onChange: (identities: Identities) => void): void {
    this.#onChange = onChange;
    this.#arm();
  }

  /** Replaces the sources, or reads the files again. Rejects with an `IdentityError`, and keeps the previous ones. */
  async reload(sources: readonly CertificateSource[] = this.#sources): Promise<void> {
    if (sources.length === 0) return;
    this.#generation += 1;
    const generation = this.#generation;
    const states = await fileStates(sources);
    try {
      const identities = await this.#prepare(sources, () => true);
      if (generation !== this.#generation) return; // a later call replaces this one
      if (!this.#use(identities)) this.#options.onReload?.({ outcome: "unchanged" });
    } catch (error) {
      // The caller logs it; no need to repeat it when the change is noticed.
      if (sources === this.#sources) this.#problem = (error as Error).message;
      this.#options.onReload?.(keptFor(error as Error));
      throw error;
    }
    this.#sources = sources;
    this.#known = states;
    this.#seen = undefined;
    this.#arm();
  }

  /** Replaces sources by certificates that are loaded. Sources that are the same objects as before are not read again. */
  protected async update(sources: readonly (CertificateSource | Identity)[]): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const before = this.#sources;
    const identities = await this.#prepare(sources, (i) => sources[i] !== before[i]);
    if (generation !== this.#generation) return; // a later call replaces this one
    this.#use(identities);
    const known = this.#known;
    this.#known = sources.map((source, i) => (source === before[i] ? known[i]! : ""));
    this.#sources = sources;
    this.#seen = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.clear();
  }

  /** Resolves when nothing is under way, after `close`. */
  settled(): Promise<void> {
    return Promise.resolve();
  }

  /** Looks at the files once. */
  async check(): Promise<void> {
    const generation = this.#generation;
    const states = await fileStates(this.#sources);
    if (generation !== this.#generation || this.#isClosed) return;
    const before = this.#seen;
    this.#seen = isEqual(states, this.#known) ? undefined : states;
    if (this.#seen === undefined || before === undefined) return;
    const isAtRest = isEqual(states, before);
    const changed = states.map((state, i) => state !== this.#known[i]);
    try {
      const identities = await this.#prepare(this.#sources, (i) => changed[i]!);
      if (generation !== this.#generation || this.#isClosed) return;
      this.#use(identities);
    } catch (error) {
      if (isAtRest && generation === this.#generation) this.#report(error as Error);
    }
    if (isAtRest && generation === this.#generation) this.#known = states;
  }

  async #look(): Promise<void> {
    await this.check();
    this.#arm();
  }

  /** Loads the identities. Keeps unchanged ones, whose TLS contexts exist already, and creates the contexts of others. */
  async #prepare(sources: readonly CertificateSource[], isChanged: (i: number) => boolean): Promise<Identities> {
    const current = this.#identities;
    const [first, ...others] = await inSlices(sources, async (source, i) => {
      const before = current[i];
      if (before !== undefined && !isChanged(i)) return before;
      const identity = await load(source);
      if (before?.cert === identity.cert && before.key === identity.key) return before;
      secureContextOf(identity);
      return identity;
    });
    return [first!, ...others];
  }

  /** Returns false if they are in use already. */
  #use(identities: Identities): boolean {
    const different = identities.filter((identity, i) => identity !== this.#identities[i]);
    const isNew = different.length > 0 || identities.length !== this.#identities.length;
    const changed = different.filter((identity) => this.announces(identity));
    if (isNew) {
      this.#onChange(identities);
      this.#identities = identities;
      for (const { names, notAfter } of changed.slice(0, MAX_LINES)) {
        this.#options.log(`nagare: new certificate for ${names.join(", ")}, valid until ${notAfter.toISOString()}`);
      }
      if (changed.length > MAX_LINES) this.#options.log(`nagare: and ${changed.length - MAX_LINES} more certificates`);
      const certificates = changed.map(({ names, notAfter }) => ({ names, notAfter }));
      this.#options.onReload?.({ outcome: "replaced", certificates });
    }
    this.#problem = undefined;
    return isNew;
  }

  /** False for certificates that are not worth a line when they come into use. */
  protected announces(_identity: Identity): boolean {
    return true;
  }

  #report(error: Error): void {
    const { message } = error;
    if (message !== this.#problem) {
      this.#options.log(`nagare: the previous certificate stays in use: ${message}`);
      this.#options.onReload?.(keptFor(error));
    }
    this.#problem = message;
  }

  #arm(): void {
    this.#timer?.clear();
    if (this.#isClosed || this.#options.watch === false || !this.#sources.some(isFiles)) return;
    const goOn = (fault: Fault): void => {
      this.#options.log(describeFault(fault));
      this.#arm();
    };
    const look = guard("certificate timer", goOn, () => detach("certificate check", goOn, this.#look()));
    this.#timer = new Timer(look, this.#options.interval ?? INTERVAL).unref();
  }
}

/** A set of a thousand need not fill the log. */
const MAX_LINES = 10;

export const keptFor = (error: Error & { readonly code?: string }): ReloadOutcome => ({
  outcome: "kept",
  code: error.code ?? error.name,
  reason: error.message,
});

const load = async (source: CertificateSource | Identity): Promise<Identity> => {
  if (isFiles(source)) return loadIdentityFiles(source);
  return "signer" in source ? source : loadIdentity(source);
};

const isEqual = (a: readonly string[], b: readonly string[]): boolean => a.every((each, i) => each === b[i]);

/** Taken before the files are read, so that a change during the read is seen later. */
const fileStates = (sources: readonly CertificateSource[]): Promise<string[]> =>
  inSlices(sources, (source) => (isFiles(source) ? `${fileState(source.certFile)} ${fileState(source.keyFile)}` : ""));

/** Milliseconds. */
const SLICE = 5;

/** Maps items in order, and lets the event loop turn after each slice. */
async function inSlices<In, Out>(
  items: readonly In[],
  run: (item: In, index: number) => Out | Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  let start = performance.now();
  for (const [i, item] of items.entries()) {
    if (performance.now() - start > SLICE) {
      await setImmediate();
      start = performance.now();
    }
    results.push(await run(item, i));
  }
  return results;
}
