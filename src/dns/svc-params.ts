/**
 * The parameters of SVCB and HTTPS records (RFC 9460 §2.2, §7, §14.3), in wire format: what each key's value may be, and
 * how to read it. `svc-param-text.ts` has their presentation format.
 */

import { WireError } from "../base/errors.ts";
import { formatIpAddress } from "../wire/ip-address.ts";
import { Reader } from "../wire/reader.ts";
import { fromLatin1 } from "../wire/text.ts";
import type { Writer } from "../wire/writer.ts";
import { readName } from "./name.ts";

/** Values by key, in ascending order of keys: valid ones for keys that we know, opaque ones for others. */
export type SvcParams = ReadonlyMap<number, Uint8Array>;

/** How a value is laid out. */
export type SvcParamKind =
  | "keys"
  | "alpn"
  | "empty"
  | "port"
  | "ipv4"
  | "base64"
  | "ipv6"
  | "text"
  | "groups"
  | "versions"
  | "names"
  | "opaque";

export interface SvcParam {
  readonly key: number;
  /** In presentation format. */
  readonly name: string;
  readonly kind: SvcParamKind;
}

/** RFC 9460 §14.3.2, and IANA's registry since. */
export const SVC_PARAMS = {
  mandatory: { key: 0, name: "mandatory", kind: "keys" },
  alpn: { key: 1, name: "alpn", kind: "alpn" },
  noDefaultAlpn: { key: 2, name: "no-default-alpn", kind: "empty" },
  port: { key: 3, name: "port", kind: "port" },
  ipv4hint: { key: 4, name: "ipv4hint", kind: "ipv4" },
  ech: { key: 5, name: "ech", kind: "base64" },
  ipv6hint: { key: 6, name: "ipv6hint", kind: "ipv6" },
  dohpath: { key: 7, name: "dohpath", kind: "text" },
  ohttp: { key: 8, name: "ohttp", kind: "empty" },
  tlsSupportedGroups: { key: 9, name: "tls-supported-groups", kind: "groups" },
  // Proposals without a number, so these are for private use (RFC 9460 §14.3.2).
  /** draft-pardue-httpbis-preconnect-hint-svc-param: uncompressed names, one after the other (our own layout). */
  preconnectHint: { key: 65_400, name: "preconnecthint", kind: "names" },
  /** draft-duke-httpbis-quic-version-alt-svc: 32-bit versions. */
  quicv: { key: 65_401, name: "quicv", kind: "versions" },
  /** draft-thomson-httpbis-alt-svcb. */
  altOnly: { key: 65_402, name: "alt-only", kind: "empty" },
} as const satisfies Record<string, SvcParam>;

export type SvcParamName = keyof typeof SVC_PARAMS;

/** RFC 9460 §14.3.2: reserved, and never used. */
export const INVALID_KEY = 65_535;

/** RFC 9460 §14.3.2: keys for private use. */
export const isPrivate = (key: number): boolean => key >= 65_280 && key < INVALID_KEY;

const BY_KEY: ReadonlyMap<number, SvcParam> = new Map(Object.values(SVC_PARAMS).map((param) => [param.key, param]));

export const svcParam = (key: number): SvcParam => BY_KEY.get(key) ?? { key, name: `key${key}`, kind: "opaque" };

/** Reads the parameters up to the reader's end. Throws a `WireError` if they are malformed (RFC 9460 §2.2). */
export function readSvcParams(reader: Reader): SvcParams {
  const params = new Map<number, Uint8Array>();
  let previous = -1;
  while (!reader.isAtEnd) {
    const at = reader.position;
    const key = reader.uint16();
    // RFC 9460 §2.2: "in increasing numerical order", so none appears twice.
    if (key <= previous) throw new WireError("the parameters' keys are not in ascending order", at);
    previous = key;
    const value = reader.copy(reader.uint16());
    // Keys for private use may mean something else to others.
    const problem = isPrivate(key) ? undefined : valueProblem(svcParam(key).kind, value);
    if (problem !== undefined) throw new WireError(`${svcParam(key).name}: ${problem}`, at);
    params.set(key, value);
  }
  return params;
}

export function writeSvcParams(writer: Writer, params: SvcParams): void {
  for (const [key, value] of [...params].sort(([a], [b]) => a - b)) {
    writer.uint16(key);
    writer.uint16(value.length);
    writer.write(value);
  }
}

/** What is wrong with a value (RFC 9460 §7, §8), in wire format. */
export function valueProblem(kind: SvcParamKind, value: Uint8Array): string | undefined {
  const { length } = value;
  switch (kind) {
    case "empty":
      return length === 0 ? undefined : "it takes no value";
    case "port":
      return length === 2 ? undefined : "a port has two bytes";
    case "ipv4":
      return length > 0 && length % 4 === 0 ? undefined : "the value is not a list of IPv4 addresses";
    case "ipv6":
      return length > 0 && length % 16 === 0 ? undefined : "the value is not a list of IPv6 addresses";
    case "groups":
      return length > 0 && length % 2 === 0 ? undefined : "the value is not a list of groups";
    case "versions":
      return length > 0 && length % 4 === 0 ? undefined : "the value is not a list of versions";
    case "base64":
    case "text":
      return length > 0 ? undefined : "the value is empty";
    case "keys":
      return keysProblem(value);
    case "alpn":
      return alpnProblem(value);
    case "names":
      return namesProblem(value);
    case "opaque":
      return undefined;
  }
}

/** RFC 9460 §8. */
function keysProblem(value: Uint8Array): string | undefined {
  if (value.length === 0 || value.length % 2 !== 0) return "the value is not a list of keys";
  const keys = uint16List(value);
  if (keys.some((key, i) => i > 0 && key <= keys[i - 1]!)) return "the keys are not in ascending order";
  return keys[0] === SVC_PARAMS.mandatory.key ? "it must not name itself" : undefined;
}

/** RFC 9460 §7.1.1. */
function alpnProblem(value: Uint8Array): string | undefined {
  let at = 0;
  while (at < value.length) {
    const length = value[at]!;
    if (length === 0) return "a protocol's name is empty";
    at += 1 + length;
  }
  return at === value.length && at > 0 ? undefined : "the protocols do not fill the value";
}

function namesProblem(value: Uint8Array): string | undefined {
  try {
    return namesIn(value).length > 0 ? undefined : "the value is empty";
  } catch (error) {
    return (error as Error).message;
  }
}

export const uint16List = (value: Uint8Array): number[] => {
  const reader = new Reader(value);
  return Array.from({ length: value.length >> 1 }, () => reader.uint16());
};

export const uint32List = (value: Uint8Array): number[] => {
  const reader = new Reader(value);
  return Array.from({ length: value.length >> 2 }, () => reader.uint32());
};

export function alpnIds(value: Uint8Array): Uint8Array[] {
  const reader = new Reader(value);
  const ids: Uint8Array[] = [];
  while (!reader.isAtEnd) ids.push(reader.view(reader.uint8()));
  return ids;
}

export function addressList(value: Uint8Array, size: 4 | 16): string[] {
  const reader = new Reader(value);
  return Array.from({ length: value.length / size }, () => formatIpAddress(reader.view(size)));
}

export function namesIn(value: Uint8Array): string[] {
  const reader = new Reader(value);
  const names: string[] = [];
  while (!reader.isAtEnd) names.push(readName(reader, false));
  return names;
}

/** The parameters that a client uses, decoded. */
export interface SvcParamValues {
  readonly mandatory: readonly number[];
  /** The protocols of `alpn`; undefined without it. */
  readonly alpn: readonly string[] | undefined;
  readonly noDefaultAlpn: boolean;
  readonly port: number | undefined;
  readonly ipv4hint: readonly string[];
  readonly ipv6hint: readonly string[];
  readonly hasEch: boolean;
  readonly altOnly: boolean;
  readonly quicv: readonly number[];
  readonly preconnectHint: readonly string[];
}

export function svcParamValues(params: SvcParams): SvcParamValues {
  const of = (name: SvcParamName): Uint8Array | undefined => {
    const { key, kind } = SVC_PARAMS[name];
    const value = params.get(key);
    return value === undefined || valueProblem(kind, value) !== undefined ? undefined : value;
  };
  const list = <T>(name: SvcParamName, read: (value: Uint8Array) => T[]): T[] => {
    const value = of(name);
    return value === undefined ? [] : read(value);
  };
  const alpn = of("alpn");
  return {
    mandatory: list("mandatory", uint16List),
    alpn: alpn && alpnIds(alpn).map((id) => fromLatin1(id)),
    noDefaultAlpn: params.has(SVC_PARAMS.noDefaultAlpn.key),
    port: list("port", uint16List)[0],
    ipv4hint: list("ipv4hint", (value) => addressList(value, 4)),
    ipv6hint: list("ipv6hint", (value) => addressList(value, 16)),
    hasEch: params.has(SVC_PARAMS.ech.key),
    altOnly: of("altOnly") !== undefined,
    quicv: list("quicv", uint32List),
    preconnectHint: list("preconnectHint", namesIn),
  };
}

/** RFC 9460 §8, §7.1: why a record contradicts itself; undefined if it does not. */
export function inconsistency(params: SvcParams): string | undefined {
  const { mandatory, alpn, noDefaultAlpn } = svcParamValues(params);
  const absent = mandatory.find((key) => !params.has(key));
  if (absent !== undefined) return `${svcParam(absent).name} is mandatory, but absent`;
  return noDefaultAlpn && alpn === undefined ? "no-default-alpn requires alpn" : undefined;
}
