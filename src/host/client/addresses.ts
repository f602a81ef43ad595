// The addresses of a name, one family at a time: from the system's lookup, or from a resolver that is used in its place.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Answer, RECORD_TYPES } from "../../dns/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { ignore } from "../guard.ts";
import { Timer } from "../timer.ts";
import { ClientError } from "./errors.ts";
import { type Resolve, resolveHost } from "./resolve.ts";

/** What a client asks for A, AAAA and HTTPS records in place of the system. `createResolver` makes one. */
export interface Resolver {
  /**
   * Asks for the records of an absolute name, such as "example.com.". `type` is the record type's number: 1 for A, 28 for AAAA, 65 for
   * HTTPS. Rejects with the signal's reason if the answer is no longer wanted.
   */
  resolve(name: string, type: number, signal?: AbortSignal): Promise<Answer>;
  /**
   * True if answers cannot be forged on their way: a failure to get HTTPS records then fails the request (RFC 9460 §3.1). Default:
   * false.
   */
  readonly isProtected?: boolean;
}

type Lookup = Promise<readonly string[]>;

/**
 * Milliseconds by which getaddrinfo for AAAA begins before that for A. Each call has a thread of its own, and nothing tells when a thread has sent its
 * question: without a lead, A is sometimes asked first. A tenth of the Resolution Delay, for which A would wait for AAAA anyway.
 */
const LEAD = 5;

/** The system's lookup of one family. */
export type SystemLookup = (name: string, family: 4 | 6) => Lookup;

/** Looks names up for the races of one client. Questions that are already being asked are not asked again. */
export class AddressSource {
  readonly #resolver: Resolver | undefined;
  readonly #clock: HostClock;
  readonly #lookup: SystemLookup;
  readonly #asked = new Map<string, Lookup>();

  constructor(resolver: Resolver | undefined, clock: HostClock = systemClock, byDefault: SystemLookup = system) {
    this.#resolver = resolver;
    this.#clock = clock;
    this.#lookup = byDefault;
  }

  get resolver(): Resolver | undefined {
    return this.#resolver;
  }

  /** Rejects with the system's error, or with a `ClientError`. */
  find(name: string, family: 4 | 6): Lookup {
    // RFC 6761 §6.3: localhost is this machine, whatever a name server says.
    if (isLocalhost(name)) {
      return this.#once(name, () => addressesOf(resolveHost(name, 0, undefined))).then((all) =>
        all.filter((each) => each.includes(":") === (family === 6)),
      );
    }
    return this.#once(`${name} ${family}`, () =>
      this.#resolver === undefined ? this.#askSystem(name, family) : this.#ask(name, family),
    );
  }

  /** RFC 8305 §3: AAAA first, immediately followed by A, which does not wait for the answer. */
  async #askSystem(name: string, family: 4 | 6): Lookup {
    const aaaa = family === 4 ? this.#asked.get(`${name} 6`) : undefined;
    if (aaaa !== undefined) await this.#endOrLead(aaaa);
    return this.#lookup(name, family);
  }

  /** Resolves when the lookup has ended, or has had its lead. */
  async #endOrLead(asked: Lookup): Promise<void> {
    let timer: Timer | undefined;
    const lead = new Promise<void>((resolve) => {
      timer = new Timer(resolve, LEAD, this.#clock);
    });
    await Promise.race([asked.catch(ignore), lead]);
    timer?.clear();
  }

  /** Both families, unless `resolve` gives addresses, or the name is one. Rejects like `find`. */
  async findAll(name: string, port: number, resolve: Resolve | undefined): Lookup {
    const given = (await resolve?.(name, port)) ?? (isIP(name) === 0 ? undefined : [name]);
    if (given !== undefined) return given;
    const found = await Promise.allSettled([this.find(name, 6), this.find(name, 4)]);
    const addresses = found.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    const failure = found.find((each) => each.status === "rejected");
    if (addresses.length === 0 && failure !== undefined) throw failure.reason;
    return addresses;
  }

  /** RFC 8305 §3 asks for each family on its own, so that a slow answer delays only its own. Races that overlap share the answers. */
  #once(key: string, ask: () => Lookup): Lookup {
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = ask().finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #ask(name: string, family: 4 | 6): Lookup {
    const type = family === 6 ? RECORD_TYPES.AAAA.number : RECORD_TYPES.A.number;
    const answer = await this.#resolver!.resolve(`${name}.`, type);
    if (answer.kind === "failed") {
      throw new ClientError("NAME_NOT_FOUND", `cannot look up ${name}: ${answer.failures.at(-1) ?? "no server"}`, {
        cause: new Error(answer.failures.join("; ")),
        hint: "check the name servers of the resolver",
      });
    }
    if (answer.kind === "none") return [];
    return answer.records.flatMap(({ data }) => (data.type === "A" || data.type === "AAAA" ? [data.address] : []));
  }
}

export const isLocalhost = (name: string): boolean => name === "localhost" || name.endsWith(".localhost");

const addressesOf = async (found: ReturnType<typeof resolveHost>): Lookup =>
  (await found).map(({ address }) => address);

const system = async (name: string, family: 4 | 6): Lookup =>
  (await lookup(name, { all: true, family, verbatim: true })).map(({ address }) => address);
