/** The parameters of SVCB and HTTPS records in presentation format (RFC 9460 §2.1, §7, Appendix A). */

import { ipVersion, parseIpAddress } from "../wire/ip-address.ts";
import { concat, fromLatin1 } from "../wire/text.ts";
import { Writer } from "../wire/writer.ts";
import { fromBase64, toBase64 } from "./base-encodings.ts";
import { joinList, quoteText, splitList, unescapeText } from "./character-string.ts";
import { PresentationError } from "./errors.ts";
import { parseName, writeName } from "./name.ts";
import {
  addressList,
  alpnIds,
  INVALID_KEY,
  inconsistency,
  isPrivate,
  SVC_PARAMS,
  type SvcParam,
  type SvcParamKind,
  type SvcParams,
  svcParam,
  uint16List,
  valueProblem,
} from "./svc-params.ts";

const BY_NAME: ReadonlyMap<string, SvcParam> = new Map(Object.values(SVC_PARAMS).map((param) => [param.name, param]));

/** Parses `name=value` items: within `value`, escapes as in the zone file, without its quotes. */
export function parseSvcParams(items: readonly string[]): SvcParams {
  const params = new Map<number, Uint8Array>();
  for (const item of items) {
    const equals = item.indexOf("=");
    const { key, name, kind } = paramNamed(equals < 0 ? item : item.slice(0, equals));
    // RFC 9460 §2.1: "SvcParams ... keys MUST NOT be repeated".
    if (params.has(key)) throw new PresentationError(`${name} appears twice`);
    const text = equals < 0 ? new Uint8Array(0) : unescapeText(item.slice(equals + 1));
    try {
      const value = parseValue(kind, text);
      const problem = valueProblem(isPrivate(key) ? kind : svcParam(key).kind, value);
      if (problem !== undefined) throw new PresentationError(problem);
      params.set(key, value);
    } catch (error) {
      throw new PresentationError(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
  const sorted = new Map([...params].sort(([a], [b]) => a - b));
  const problem = inconsistency(sorted);
  if (problem !== undefined) throw new PresentationError(problem);
  return sorted;
}

/** `preconnectHint` is written in mixed case, although keys are in lower case. */
function paramNamed(name: string): SvcParam {
  const known = BY_NAME.get(name.toLowerCase() === SVC_PARAMS.preconnectHint.name ? name.toLowerCase() : name);
  if (known !== undefined) return known;
  const number = /^key(0|[1-9]\d{0,4})$/.exec(name)?.[1];
  if (number === undefined) throw new PresentationError(`${name} is not a known parameter`);
  const key = Number(number);
  if (key >= INVALID_KEY) throw new PresentationError(`${name} is not a key`);
  // RFC 9460 §2.1: a value after keyNNNNN is in wire format, even if the key is known.
  return { key, name, kind: "opaque" };
}

function parseValue(kind: SvcParamKind, text: Uint8Array): Uint8Array {
  const plain = (): string => fromLatin1(text);
  const items = (): string[] => plain().split(",");
  switch (kind) {
    case "empty":
    case "opaque":
    case "text":
      return text;
    case "port":
      return uint16s([decimal(plain(), 0xffff)]);
    case "groups":
      return uint16s(items().map((item) => decimal(item, 0xffff)));
    case "versions":
      return concat(...items().map(versionBytes));
    case "ipv4":
      return concat(...items().map((item) => addressBytes(item, 4)));
    case "ipv6":
      return concat(...items().map((item) => addressBytes(item, 6)));
    case "base64":
      return fromBase64(plain());
    case "alpn":
      return concat(...splitList(text).map(prefixed));
    case "names":
      return concat(...items().map(nameBytes));
    case "keys": {
      const keys = items().map((item) => paramNamed(item).key);
      // RFC 9460 §8: in any order in presentation format, but none twice.
      if (new Set(keys).size !== keys.length) throw new PresentationError("a key appears twice");
      return uint16s(keys.sort((a, b) => a - b));
    }
  }
}

/** The parameters in presentation format, as every program can read it. */
export function printSvcParams(params: SvcParams): string[] {
  return [...params].map(([key, value]) => {
    const { name, kind } = printedParam(key);
    const text = printValue(kind, value);
    return text === "" ? name : `${name}=${text}`;
  });
}

/** Other programs do not know the names of keys for private use. */
const printedParam = (key: number): SvcParam =>
  isPrivate(key) ? { key, name: `key${key}`, kind: "opaque" } : svcParam(key);

function printValue(kind: SvcParamKind, value: Uint8Array): string {
  switch (kind) {
    case "empty":
      return "";
    // In the range for private use, and so never by name.
    case "versions":
    case "names":
    case "opaque":
      return value.length === 0 ? "" : quoteText(value);
    case "text":
      return quoteText(value);
    case "port":
    case "groups":
      return uint16List(value).join(",");
    case "ipv4":
      return addressList(value, 4).join(",");
    case "ipv6":
      return addressList(value, 16).join(",");
    case "base64":
      return toBase64(value);
    case "alpn": {
      const list = joinList(alpnIds(value));
      return /^[\w./,-]+$/.test(fromLatin1(list)) ? fromLatin1(list) : quoteText(list);
    }
    case "keys":
      return uint16List(value)
        .map((key) => printedParam(key).name)
        .join(",");
  }
}

function uint16s(values: readonly number[]): Uint8Array {
  const writer = new Writer(new Uint8Array(values.length * 2));
  for (const value of values) writer.uint16(value);
  return writer.written();
}

function prefixed(id: Uint8Array): Uint8Array {
  if (id.length > 255) throw new PresentationError("a protocol's name is longer than 255 bytes");
  return concat(Uint8Array.of(id.length), id);
}

function nameBytes(text: string): Uint8Array {
  const writer = new Writer(new Uint8Array(256));
  writeName(writer, parseName(text));
  return writer.written().slice();
}

/** RFC 9460 §7.2: without leading zeros. */
function decimal(text: string, max: number): number {
  if (!/^(0|[1-9]\d{0,9})$/.test(text) || Number(text) > max) {
    throw new PresentationError(`${text === "" ? "an empty value" : text} is not a number up to ${max}`);
  }
  return Number(text);
}

function versionBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{1,8}$/i.test(text)) throw new PresentationError(`${text} is not a version: give up to 8 hex digits`);
  const writer = new Writer(new Uint8Array(4));
  writer.uint32(Number.parseInt(text, 16));
  return writer.written();
}

function addressBytes(text: string, version: 4 | 6): Uint8Array {
  if (ipVersion(text) !== version) throw new PresentationError(`${text} is not an IPv${version} address`);
  return parseIpAddress(text)!;
}
