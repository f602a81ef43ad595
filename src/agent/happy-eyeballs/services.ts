/** What HTTPS records say to a client (RFC 9460 §2.4, §3, §7, §8, §9): an alias, services that it can use, or nothing. */

import { type Rng, uniform } from "../../base/rng.ts";
import { inconsistency, isSameName, type ResourceRecord, SVC_PARAMS, svcParamValues } from "../../dns/index.ts";
import { isBadPort } from "./bad-ports.ts";

/** A way to reach the origin. */
export interface Service {
  /** 1 or more, lower first. */
  readonly priority: number;
  /** The absolute name whose addresses to use. */
  readonly target: string;
  /** Undefined for the origin's. */
  readonly port: number | undefined;
  /** The protocols that both sides support, in our order. Never empty. */
  readonly alpn: readonly string[];
  readonly hints: readonly string[];
  /** True if the record has keys for Encrypted ClientHello, which we cannot use. */
  readonly hasEch: boolean;
  /** QUIC versions, the best first. */
  readonly quicv: readonly number[];
  readonly preconnectHint: readonly string[];
}

export type ServiceInfo =
  | { readonly kind: "alias"; readonly target: string }
  /** In the order to try them. */
  | { readonly kind: "services"; readonly services: readonly Service[] }
  | { readonly kind: "none"; readonly why: string };

/** RFC 9460 §9.5: the default protocol of HTTPS records. */
const DEFAULT_ALPN = "http/1.1";

/** Keys whose meaning we obey, and so may be mandatory (RFC 9460 §8). */
const UNDERSTOOD: ReadonlySet<number> = new Set(
  (["mandatory", "alpn", "noDefaultAlpn", "port", "ipv4hint", "ipv6hint", "quicv"] as const).map(
    (name) => SVC_PARAMS[name].key,
  ),
);

/**
 * Reads the records of one owner. `alpn` are the protocols that the client supports, in its order. `altOnly` are records with that key
 * to take, too: all, or those of one target, which then comes first (draft-thomson-httpbis-alt-svcb §4).
 */
export function readServices(
  records: readonly ResourceRecord[],
  alpn: readonly string[],
  rng: Rng,
  altOnly: boolean | string = false,
): ServiceInfo {
  const aliases: string[] = [];
  const services: Service[] = [];
  for (const { name, data } of records) {
    // RFC 9460 §2.2: "clients MUST reject the entire RRSet".
    if (data.type === "malformed") return { kind: "none", why: data.problem };
    if (data.type !== "HTTPS") continue;
    if (data.priority === 0) aliases.push(data.target);
    else {
      const target = data.target === "." ? name : data.target;
      const takesAltOnly = typeof altOnly === "string" ? isSameName(target, altOnly) : altOnly;
      const service = serviceOf(data, target, alpn, takesAltOnly);
      if (service !== undefined) services.push(service);
    }
  }
  // RFC 9460 §2.4.1: with an alias, records in ServiceMode are ignored; one of several aliases is picked at random.
  if (aliases.length > 0) {
    const target = aliases[Math.floor(uniform(rng) * aliases.length)]!;
    return target === "." ? { kind: "none", why: "the service does not exist" } : { kind: "alias", target };
  }
  if (services.length === 0) return { kind: "none", why: records.length === 0 ? "no record" : "no compatible record" };
  // RFC 9460 §2.4.1: equal priorities in random order.
  const shuffled = services.map((service) => ({ service, rank: uniform(rng) }));
  shuffled.sort((a, b) => a.service.priority - b.service.priority || a.rank - b.rank);
  const sorted = shuffled.map(({ service }) => service);
  if (typeof altOnly !== "string") return { kind: "services", services: sorted };
  const isPreferred = ({ target }: Service): boolean => isSameName(target, altOnly);
  return {
    kind: "services",
    services: [...sorted.filter(isPreferred), ...sorted.filter((each) => !isPreferred(each))],
  };
}

function serviceOf(
  { priority, params }: { readonly priority: number; readonly params: ReadonlyMap<number, Uint8Array> },
  target: string,
  supported: readonly string[],
  takesAltOnly: boolean,
): Service | undefined {
  if (inconsistency(params) !== undefined) return undefined;
  const values = svcParamValues(params);
  // RFC 9460 §8: an unknown mandatory key makes the record incompatible.
  const isUnderstood = (key: number): boolean =>
    UNDERSTOOD.has(key) || (takesAltOnly && key === SVC_PARAMS.altOnly.key);
  if (!values.mandatory.every(isUnderstood)) return undefined;
  // draft-thomson-httpbis-alt-svcb: only for those that look up an alternative's name.
  if (values.altOnly && !takesAltOnly) return undefined;
  const { port } = values;
  if (port !== undefined && isBadPort(port)) return undefined;
  const offered = new Set([...(values.alpn ?? []), ...(values.noDefaultAlpn ? [] : [DEFAULT_ALPN])]);
  const alpn = supported.filter((each) => offered.has(each));
  if (alpn.length === 0) return undefined;
  const { ipv4hint, ipv6hint, hasEch, quicv, preconnectHint } = values;
  return { priority, target, port, alpn, hints: [...ipv6hint, ...ipv4hint], hasEch, quicv, preconnectHint };
}

/** RFC 9460 §9.1: the name to ask for; the port is part of it unless it is the scheme's own. */
export function serviceName(host: string, port: number): string {
  const name = host.endsWith(".") ? host : `${host}.`;
  return port === 443 || port === 80 ? name : `_${port}._https.${name}`;
}

/** True if a record's target is the origin itself. */
export const isOrigin = (target: string, host: string): boolean =>
  isSameName(target, host.endsWith(".") ? host : `${host}.`);
