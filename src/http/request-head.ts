/**
 * Validates request heads for all versions (RFC 9110 §4.2, §7.2, RFC 9112 §3.2, RFC 9113 §8.3.1, RFC 9114 §4.3.1).
 * Each version parses its own syntax. The decision whether a request may be served, and as what, is made here, so that
 * the same request gets the same response in all versions.
 */

import { type FieldLine, type FieldSection, fieldLineSize, fieldSectionSize } from "./field-section.ts";
import { METHODS } from "./methods.ts";

/** What a request asks for, as parsed by a version. */
export interface GivenTarget {
  readonly method: string;
  /** `:authority`, or the authority in the request target; undefined if only Host may have it. */
  readonly authority: string | undefined;
  /** Undefined for a plain CONNECT, whose target is the authority. */
  readonly path: string | undefined;
}

/** A request head as parsed by a version. */
export interface GivenHead extends GivenTarget {
  readonly fields: FieldSection;
}

/** The facts about field lines that decide whether a request may be served. */
export interface FieldFacts {
  /** The number of `host` lines. */
  hosts: number;
  /** The value of the last one. */
  host: string | undefined;
  /** The number of `cookie` lines. */
  cookies: number;
}

export interface AcceptedHead {
  /** Empty if neither the target nor Host has one. */
  readonly authority: string;
  /** Without `host`, which is the authority, and with at most one `cookie` line. */
  readonly fields: FieldSection;
}

/** The response to a request that must not be served. */
export interface Refusal {
  readonly status: 400 | 431 | 501 | 505;
  readonly reason: string;
  /** HTTP/2 and HTTP/3 call such a request malformed and reset its stream (RFC 9113 §8.1.1, RFC 9114 §4.1.2). */
  readonly isMalformed?: true;
}

/** The maximum size of a head in bytes, counted as in RFC 9113 §6.5.2 and RFC 9114 §4.2.2. */
export const MAX_HEAD_SIZE = 65_536;

/** uri-host [ ":" port ] (RFC 9110 §7.2), without userinfo (RFC 9110 §4.2.4), not empty (RFC 9110 §4.2.2). */
const AUTHORITY = /^(?:\[[0-9A-Za-z:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::([0-9]*))?$/;
const MAX_PORT = 65_535;

/**
 * A path and a query (RFC 9112 §3.2.1). A request target has no fragment (RFC 9110 §7.1) and no bytes outside ASCII
 * (RFC 3986 §2). Other characters that RFC 3986 forbids are allowed, because browsers send some of them.
 */
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;

const WITH_PORT = /:[0-9]+$/;

/** The last valid value: most requests have the same authority. */
let known = "";

export function isAuthority(value: string): boolean {
  if (value === known && value !== "") return true;
  const match = AUTHORITY.exec(value);
  if (match === null || Number(match[1] ?? 0) > MAX_PORT) return false;
  known = value;
  return true;
}

export function judgeRequest(given: GivenHead): AcceptedHead | Refusal {
  const facts: FieldFacts = { hosts: 0, host: undefined, cookies: 0 };
  for (const [name, value] of given.fields) {
    if (name === "cookie") facts.cookies += 1;
    if (name !== "host") continue;
    facts.hosts += 1;
    facts.host = value;
  }
  const authority = judgeTarget(given, facts);
  if (typeof authority !== "string") return authority;
  return { authority, fields: normalizedFields(given.fields, facts) };
}

/** Returns the authority, empty if neither the target nor Host has one. */
export function judgeTarget(given: GivenTarget, { hosts, host }: FieldFacts): string | Refusal {
  const { method, path } = given;
  if (hosts > 1) return refuse("host is repeated");
  const authority = given.authority ?? host;
  // RFC 9113 §8.3.1, RFC 9114 §4.3.1
  if (authority?.includes("@")) return { ...refuse("the authority has userinfo"), isMalformed: true };
  if (authority !== undefined && !isAuthority(authority)) return refuse("the authority is invalid");
  // RFC 9110 §4.2.3: host names are case-insensitive.
  if (host !== undefined && host.toLowerCase() !== authority!.toLowerCase())
    return refuse("host differs from the target");
  if (path === undefined) {
    // RFC 9110 §9.3.6
    if (authority === undefined || !WITH_PORT.test(authority)) return refuse("CONNECT needs a host and a port");
  } else if (!PATH.test(path) && !(path === "*" && method === "OPTIONS")) {
    return refuse("the path is invalid");
  }
  return authority ?? "";
}

const refuse = (reason: string): Refusal => ({ status: 400, reason });

export const isRefusal = (verdict: object): verdict is Refusal => "status" in verdict;

/** Removes `host`, and joins `cookie` lines for handlers and origins (RFC 9113 §8.2.3, RFC 9114 §4.2.1). */
export function normalizedFields(given: FieldSection, { hosts, cookies }: FieldFacts): FieldSection {
  if (hosts === 0 && cookies < 2) return given;
  const fields: FieldLine[] = [];
  let cookie = -1;
  for (const line of given) {
    const [name, value] = line;
    if (name === "host") continue;
    if (name === "cookie" && cookie !== -1) {
      fields[cookie] = [name, `${fields[cookie]![1]}; ${value}`];
      continue;
    }
    if (name === "cookie") cookie = fields.length;
    fields.push(line);
  }
  return fields;
}

/** Checks what only this server refuses. `scheme` is undefined if the request has none. */
export const refusalOfServer = (scheme: string | undefined, given: GivenHead): Refusal | undefined =>
  refusalOfTarget(scheme, given, fieldSectionSize(given.fields));

/** `fieldsSize` is the size of the field section (RFC 9114 §4.2.2). */
export function refusalOfTarget(
  scheme: string | undefined,
  given: GivenTarget,
  fieldsSize: number,
): Refusal | undefined {
  if (!METHODS.has(given.method)) return { status: 501, reason: "unknown method" }; // RFC 9110 §9.1
  if (scheme !== undefined && !/^https?$/i.test(scheme)) return refuse("unsupported scheme");
  // RFC 6585 §5
  if (fieldsSize + targetSize(scheme, given) > MAX_HEAD_SIZE) return { status: 431, reason: "the head is too large" };
  return undefined;
}

/** Counts pseudo-header fields (RFC 9113 §6.5.2, RFC 9114 §4.2.2), as if HTTP/1.1 had them. */
function targetSize(scheme: string | undefined, { method, authority, path }: GivenTarget): number {
  let size = fieldLineSize(":method", method);
  if (authority !== undefined) size += fieldLineSize(":authority", authority);
  if (path !== undefined) size += fieldLineSize(":path", path) + fieldLineSize(":scheme", scheme ?? "https");
  return size;
}
