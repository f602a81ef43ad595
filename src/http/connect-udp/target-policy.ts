/**
 * Which targets a proxy reaches. Rules name hosts or prefixes, each with ports; every address that a name has resolved to
 * must pass, and only addresses that passed are sent to.
 */

import { isInPrefix, type Prefix, parsePrefix } from "../../ip/address.ts";
import { type AddressKind, addressKind, unmapped } from "./address-kind.ts";
import type { UdpTarget } from "./target.ts";

interface Ports {
  readonly first: number;
  readonly last: number;
}

type Rule = Ports &
  (
    | { readonly type: "any" }
    /** A name, or with `below` any name below it. */
    | { readonly type: "name"; readonly name: string; readonly below: boolean }
    | { readonly type: "prefix"; readonly prefix: Prefix }
  );

/** Why an address is refused: "own" is an address of the proxy's machine, and undefined one that no rule names. */
export interface AddressRefusal {
  readonly kind: AddressKind | "own" | undefined;
}

export class TargetRuleError extends Error {
  override readonly name = "TargetRuleError";
  readonly code = "OPTION_INVALID";
}

const ADVICE = 'give one such as "*.example.com:443", "192.0.2.0/24:53", "[2001:db8::/32]:1024-65535" or "*:443"';

/** HOST:PORTS, where PORTS is a port, a range, or "*". Throws a `TargetRuleError`. */
function parseRule(text: string): Rule {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(?:(\d{1,5})(?:-(\d{1,5}))?|(\*))$/.exec(text);
  const fail = (): never => {
    throw new TargetRuleError(`"${text}" is not a rule for targets: ${ADVICE}`);
  };
  if (match === null) return fail();
  const [, v6, host = "", from, to] = match;
  const first = Number(from ?? 1);
  const last = Number(to ?? from ?? 65_535);
  if (first < 1 || first > last || last > 65_535) return fail();
  if (v6 === undefined && host === "*") return { type: "any", first, last };
  const prefix = parsePrefix(v6 ?? host);
  if (prefix !== undefined && (v6 !== undefined) === (prefix.address.length === 16)) {
    return { type: "prefix", prefix: unmappedPrefix(prefix), first, last };
  }
  const name = host.toLowerCase().replace(/^\*\./, "");
  if (v6 !== undefined || !/^(?!\d+$)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{0,62}[a-z_-][a-z0-9_-]{0,62}$/.test(name))
    return fail();
  return { type: "name", name, below: host.startsWith("*."), first, last };
}

function unmappedPrefix(prefix: Prefix): Prefix {
  const address = unmapped(prefix.address);
  return address.length === prefix.address.length || prefix.length < 96
    ? prefix
    : { address, length: prefix.length - 96 };
}

export class TargetPolicy {
  readonly #rules: readonly Rule[];
  readonly #isOwn: (address: Uint8Array) => boolean;

  /** `isOwn` tells addresses of this machine, and broadcast addresses of its networks. */
  constructor(rules: readonly string[], isOwn: (address: Uint8Array) => boolean) {
    this.#rules = rules.map(parseRule);
    this.#isOwn = isOwn;
  }

  /** False if no address of the target could pass, so that a name need not be resolved. */
  mayAllow(target: UdpTarget): boolean {
    return this.#rules.some((rule) => hasPort(rule, target) && (rule.type === "prefix" || namesTarget(rule, target)));
  }

  /** Judges an address of the target. Undefined if it may be sent to. */
  refusalOf(target: UdpTarget, given: Uint8Array): AddressRefusal | undefined {
    const address = unmapped(given);
    const rules = this.#rules.filter((rule) => hasPort(rule, target));
    const kind = this.#kind(address);
    // A prefix opens a special range only if it lies in it: 0.0.0.0/0 is not meant to name 127.0.0.1.
    const isNamed = rules.some(
      (rule) => rule.type === "prefix" && isInPrefix(rule.prefix, address) && this.#liesIn(rule.prefix, kind),
    );
    if (isNamed) return undefined;
    if (kind !== "public") return { kind };
    return rules.some((rule) => namesTarget(rule, target)) ? undefined : { kind: undefined };
  }

  #kind(address: Uint8Array): AddressKind | "own" {
    const kind = addressKind(address);
    return kind !== "loopback" && this.#isOwn(address) ? "own" : kind;
  }

  #liesIn({ address, length }: Prefix, kind: AddressKind | "own"): boolean {
    if (kind === "public") return true;
    const edge = (fill: number): Uint8Array =>
      address.map((byte, i) => {
        const mask = 0xff >> Math.min(8, Math.max(0, length - 8 * i));
        return (byte & ~mask) | (fill & mask);
      });
    return this.#kind(edge(0)) === kind && this.#kind(edge(0xff)) === kind;
  }
}

const hasPort = ({ first, last }: Ports, { port }: UdpTarget): boolean => port >= first && port <= last;

function namesTarget(rule: Rule, { host }: UdpTarget): boolean {
  if (rule.type === "any") return true;
  if (rule.type === "prefix" || typeof host !== "string") return false;
  const name = host.replace(/\.$/, "");
  return rule.below ? name.endsWith(`.${rule.name}`) : name === rule.name;
}
