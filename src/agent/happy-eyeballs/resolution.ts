/**
 * What a race knows of DNS: which questions are open, what was answered, and the endpoints that follow. Version 2 asks
 * AAAA and A (RFC 8305 §3); version 3 asks HTTPS first, and for the names that records point to (draft-ietf-happy-
 * happyeyeballs-v3 §4).
 */

import { ipVersion } from "../../wire/ip-address.ts";
import { familyOf, interleave, sortAddresses } from "./address-order.ts";
import { desynthesize, IPV4_ONLY_NAME, nat64PrefixOf, synthesize } from "./nat64.ts";
import { type Endpoint, endpointKey, type RaceRules, type Transport } from "./rules.ts";
import { isOrigin, type Service, type ServiceInfo, serviceName } from "./services.ts";

export type RecordKind = "HTTPS" | "AAAA" | "A";

export interface Question {
  readonly record: RecordKind;
  /** Absolute. */
  readonly name: string;
}

/** Addresses of one family; undefined while the question is open. */
type AnsweredAddresses = readonly string[] | undefined;

interface NameState {
  readonly asked: Set<RecordKind>;
  AAAA: AnsweredAddresses;
  A: AnsweredAddresses;
}

/** RFC 9460 §3: a chain of aliases that is longer counts as no record. */
const MAX_ALIASES = 8;
/** Names of services that are looked up. */
const MAX_TARGETS = 8;
/** RFC 9460 §10.2 leaves the number open. */
const MAX_ADDRESSES = 64;

export class Resolution {
  readonly #rules: RaceRules;
  readonly #questions: Question[] = [];
  readonly #names = new Map<string, NameState>();
  readonly #aliases: string[] = [];
  readonly #origin: string;
  #services: ServiceInfo | undefined;
  #nat64: RaceRules["nat64"];

  constructor(rules: RaceRules) {
    this.#rules = rules;
    this.#nat64 = rules.nat64;
    const { host } = rules;
    this.#origin = host.endsWith(".") ? host : `${host}.`;
    this.#askOrigin(rules);
    const name = rules.alternative === undefined ? this.#origin : this.#alternativeName(rules.alternative.host);
    if (name !== this.#origin) this.#askOrKnow(name);
  }

  #askOrigin({ host, usesRecords, version, families, port }: RaceRules): void {
    const literal = ipVersion(host);
    if (literal !== undefined) {
      this.#services = { kind: "none", why: "the host is an address" };
      const state = this.#stateOf(this.#origin);
      state.A = literal === 4 ? [host] : [];
      state.AAAA = literal === 6 ? [host] : [];
      if (literal === 4) this.#discoverNat64();
      return;
    }
    if (usesRecords && version === 3) this.#ask("HTTPS", serviceName(host, port));
    else this.#services = { kind: "none", why: "not asked" };
    this.#askAddresses(this.#origin);
    // RFC 8305 §3 asks for both families; without a route to IPv4, NAT64 may be the way there.
    if (!families.ipv4) this.#discoverNat64();
  }

  /** A literal is its own answer. */
  #askOrKnow(name: string): void {
    const bare = name.slice(0, -1);
    const literal = ipVersion(bare);
    if (literal === undefined) {
      this.#askAddresses(name);
      return;
    }
    const state = this.#stateOf(name);
    state.A = literal === 4 ? [bare] : [];
    state.AAAA = literal === 6 ? [bare] : [];
  }

  /** Version 3 needs A records where NAT64 is known; version 2 asks for them as a last resort. */
  #askAddresses(name: string): void {
    const { families, version } = this.#rules;
    const state = this.#stateOf(name);
    if (families.ipv6 || !families.ipv4) this.#ask("AAAA", name);
    else state.AAAA = [];
    if (families.ipv4 || (version === 3 && this.#nat64 !== undefined)) this.#ask("A", name);
    else state.A = [];
  }

  #discoverNat64(): void {
    if (this.#nat64 === undefined && !this.#rules.families.ipv4) this.#ask("AAAA", IPV4_ONLY_NAME);
  }

  #ask(record: RecordKind, name: string): void {
    const { asked } = this.#stateOf(name);
    if (asked.has(record)) return;
    asked.add(record);
    this.#questions.push({ record, name });
  }

  #stateOf(name: string): NameState {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const state: NameState = { asked: new Set(), AAAA: undefined, A: undefined };
    this.#names.set(name, state);
    return state;
  }

  /** The next question to ask. */
  pollQuestion(): Question | undefined {
    return this.#questions.shift();
  }

  /** Takes an answer; without addresses, the name has none of the family. */
  handleAddresses(record: "AAAA" | "A", name: string, addresses: readonly string[]): void {
    const state = this.#names.get(name);
    if (state === undefined) return;
    state[record] = addresses.slice(0, MAX_ADDRESSES);
    if (name !== IPV4_ONLY_NAME) return;
    this.#nat64 = nat64PrefixOf(addresses);
    if (this.#nat64 === undefined || this.#rules.version === 2) return;
    for (const [each, { asked }] of this.#names) {
      // Now that IPv4 can be reached, its addresses count.
      if (each !== IPV4_ONLY_NAME && asked.has("AAAA")) this.#openA(each);
    }
  }

  /** Version 2's last resort (RFC 8305 §7.1): the A records of a host that has no usable AAAA record. */
  askLastResort(): void {
    if (this.#nat64 !== undefined) this.#openA(this.#origin);
  }

  #openA(name: string): void {
    const state = this.#stateOf(name);
    if (state.asked.has("A")) return;
    state.A = undefined;
    this.#ask("A", name);
  }

  get hasNat64(): boolean {
    return this.#nat64 !== undefined;
  }

  /** Takes the answer for HTTPS records; a later one than the end of the chain of aliases is ignored. */
  handleServices(info: ServiceInfo): void {
    if (this.#services !== undefined) return;
    if (info.kind === "alias") {
      const isLoop = this.#aliases.includes(info.target) || isOrigin(info.target, this.#rules.host);
      if (isLoop || this.#aliases.length === MAX_ALIASES) {
        this.#aliases.length = 0;
        this.#services = { kind: "none", why: isLoop ? "the aliases are a loop" : "the chain of aliases is too long" };
        return;
      }
      this.#aliases.push(info.target);
      // RFC 9460 §3: at the alias's target without a prefix; its addresses are used if it has no records.
      this.#ask("HTTPS", info.target);
      this.#askAddresses(info.target);
      return;
    }
    this.#services = info;
    if (info.kind !== "services") return;
    const targets = new Set(info.services.map(({ target }) => target));
    for (const target of [...targets].slice(0, MAX_TARGETS)) {
      if (!isOrigin(target, this.#rules.host)) this.#askAddresses(target);
    }
  }

  /** True if HTTPS records were answered: positive or not, and not an alias alone. */
  get hasServiceInfo(): boolean {
    return this.#services !== undefined;
  }

  get serviceInfo(): ServiceInfo | undefined {
    return this.#services;
  }

  /** True if no answer is outstanding. */
  get isComplete(): boolean {
    return this.hasServiceInfo && [...this.#names.values()].every((state) => isAnswered(state));
  }

  /**
   * True if the family that is tried first was answered, for the best service and the alternative: positive or not. A hint is an answer
   * (draft-ietf-happy-happyeyeballs-v3 §4.2.1). A name that has no address of it is not passed over while the other family may still have
   * one.
   */
  get hasPreferredFamily(): boolean {
    const { families, alternative } = this.#rules;
    const info = this.#services;
    const service = info?.kind === "services" ? info.services[0] : undefined;
    const best = service && this.#nameOf(service.target);
    const names = [best ?? this.#aliases.at(-1) ?? this.#origin];
    if (alternative !== undefined) names.push(this.#alternativeName(alternative.host));
    const [first, other] = families.ipv6 || !families.ipv4 ? (["AAAA", "A"] as const) : (["A", "AAAA"] as const);
    const family = first === "AAAA" ? 6 : 4;
    const isHinted = service?.hints.some((each) => familyOf(each) === family) === true;
    return names.every((name) => {
      const state = this.#stateOf(name);
      if (isHinted && name === best) return true;
      return state[first] !== undefined && (state[first].length > 0 || state[other] !== undefined);
    });
  }

  /** True if any address is known, hints included. */
  get hasAddresses(): boolean {
    return this.endpoints().length > 0;
  }

  #nameOf(target: string): string {
    return isOrigin(target, this.#rules.host) ? this.#origin : target;
  }

  /** The endpoints to try, the best first: by transport, then by the records' priority, then by address. */
  endpoints(): Endpoint[] {
    const { transports, alpn, port } = this.#rules;
    const services = this.#services?.kind === "services" ? this.#services.services : [];
    // Where there are records, they say whether there is QUIC; otherwise the alternative is its only place.
    const hasQuic =
      services.length === 0
        ? this.#rules.alternative === undefined
        : services.some((service) => service.alpn.includes("h3"));
    const plain = transports.filter((transport) => transport === "tcp" || hasQuic);
    // RFC 9460 §3: after the records, the alias's target, and then the origin as without records.
    const names = [...this.#aliases.slice(-1), this.#origin];
    const all = [
      ...this.#atAlternative(services),
      ...services.flatMap((service) => this.#endpointsOf(service)),
      ...names.flatMap((name) =>
        plain.flatMap((transport) => this.#placed(transport, name, port, alpn, undefined, [], [])),
      ),
    ];
    const byTransport = transports.flatMap((transport) => all.filter((each) => each.transport === transport));
    const seen = new Set<string>();
    return byTransport.filter((each) => !seen.has(endpointKey(each)) && seen.add(endpointKey(each)));
  }

  /** RFC 9460 §9.3: an alternative at the origin's own name that its records do not confirm is not tried. */
  #atAlternative(services: readonly Service[]): Endpoint[] {
    const { alternative, transports } = this.#rules;
    if (alternative === undefined || !transports.includes("quic")) return [];
    const { host, port, quicv } = alternative;
    const name = this.#alternativeName(host);
    const isDenied = services.length > 0 && !services.some((service) => service.alpn.includes("h3"));
    return name === this.#origin && isDenied ? [] : this.#placed("quic", name, port, ["h3"], undefined, [], quicv);
  }

  #alternativeName(host: string): string {
    return host === "" || isOrigin(host, this.#rules.host) ? this.#origin : `${host.replace(/\.$/, "")}.`;
  }

  #endpointsOf({ target, port, alpn, priority, hints, quicv }: Service): Endpoint[] {
    return this.#rules.transports.flatMap((transport) =>
      this.#placed(transport, this.#nameOf(target), port ?? this.#rules.port, alpn, priority, hints, quicv),
    );
  }

  #placed(
    transport: Transport,
    name: string,
    port: number,
    alpn: readonly string[],
    priority: number | undefined,
    hints: readonly string[],
    quicv: readonly number[],
  ): Endpoint[] {
    const offered = alpn.filter((each) => (each === "h3") === (transport === "quic"));
    if (offered.length === 0) return [];
    return this.#orderedAddresses(name, hints).map((address) => ({
      address,
      family: familyOf(address),
      port,
      transport,
      alpn: offered,
      priority,
      quicv: transport === "quic" ? quicv : [],
    }));
  }

  /** Addresses that this machine can reach, sorted and interleaved. Hints stand in for answers (RFC 9460 §7.3). */
  #orderedAddresses(name: string, hints: readonly string[]): string[] {
    const { families, preferredCount } = this.#rules;
    const { AAAA, A } = this.#stateOf(name);
    const hinted = (family: 4 | 6): readonly string[] => hints.filter((each) => familyOf(each) === family);
    const ipv6 = families.ipv6 || !families.ipv4 ? (AAAA ?? hinted(6)) : [];
    const ipv4 = families.ipv4 || this.#nat64 !== undefined ? (A ?? hinted(4)) : [];
    const nat64 = this.#nat64;
    // Addresses behind NAT64 are IPv4 destinations, and sorted as such.
    const known = new Set<string>();
    for (const each of [...ipv6, ...ipv4]) known.add((nat64 && desynthesize(each, nat64)) ?? each);
    const order = interleave(sortAddresses([...known], this.#rules), preferredCount);
    if (families.ipv4 || nat64 === undefined) return order;
    return order.flatMap((each) => (familyOf(each) === 6 ? [each] : (synthesize(each, nat64) ?? [])));
  }
}

const isAnswered = ({ asked, AAAA, A }: NameState): boolean =>
  (!asked.has("AAAA") || AAAA !== undefined) && (!asked.has("A") || A !== undefined);
