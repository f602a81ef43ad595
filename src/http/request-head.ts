/**
 * What every version asks of a request's head before anything else sees it (RFC 9110 §4.2, §7.2, RFC 9112 §3.2,
 * RFC 9113 §8.3.1, RFC 9114 §4.3.1). Each version reads its own syntax; whether the request that it read may be served,
 * and as what, is decided here, so that the same request has the same answer over all of them.
 */

import { type FieldLine, type FieldSection, fieldLineSize, fieldSectionSize } from "./field-section.ts";
import { METHODS } from "./methods.ts";

/** A head as a version read it. */
export interface GivenHead {
  readonly method: string;
  /** `:authority`, or what the request target names; undefined where Host alone may name it. */
  readonly authority: string | undefined;
  /** Undefined for a plain CONNECT, whose target is the authority. */
  readonly path: string | undefined;
  readonly fields: FieldSection;
}

export interface AcceptedHead {
  /** Empty where neither the target nor Host names one. */
  readonly authority: string;
  /** Without `host`, which the authority stands for, and with one `cookie` line at most. */
  readonly fields: FieldSection;
}

/** The status that answers a request which may not be served. */
export interface Refusal {
  readonly status: 400 | 431 | 501;
  readonly reason: string;
  /** HTTP/2 and HTTP/3 call such a request malformed and reset its stream (RFC 9113 §8.1.1, RFC 9114 §4.1.2). */
  readonly isMalformed?: true;
}

/** The most bytes that a head may have, as RFC 9113 §6.5.2 and RFC 9114 §4.2.2 count them. */
export const MAX_HEAD_SIZE = 65_536;

/** uri-host [ ":" port ] (RFC 9110 §7.2), without userinfo (RFC 9110 §4.2.4), and not empty (RFC 9110 §4.2.2). */
const AUTHORITY = /^(?:\[[0-9A-Za-z:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]+)(?::([0-9]*))?$/;
const MAX_PORT = 65_535;

/**
 * RFC 9112 §3.2.1: a path and a query. A fragment is no part of a request target (RFC 9110 §7.1), nor is a byte outside
 * ASCII (RFC 3986 §2). Browsers do send some of the other characters that RFC 3986 does not allow.
 */
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;

const WITH_PORT = /:[0-9]+$/;

export function isAuthority(value: string): boolean {
  const match = AUTHORITY.exec(value);
  return match !== null && Number(match[1] ?? 0) <= MAX_PORT;
}

export function judgeRequest(given: GivenHead): AcceptedHead | Refusal {
  const { method, path } = given;
  let hosts = 0;
  let cookies = 0;
  let host: string | undefined;
  for (const [name, value] of given.fields) {
    if (name === "cookie") cookies += 1;
    if (name !== "host") continue;
    hosts += 1;
    host = value;
  }
  if (hosts > 1) return refuse("host is repeated");
  const authority = given.authority ?? host;
  // RFC 9113 §8.3.1, RFC 9114 §4.3.1
  if (authority?.includes("@")) return { ...refuse("the authority has userinfo"), isMalformed: true };
  if (authority !== undefined && !isAuthority(authority)) return refuse("the authority is not one");
  // RFC 9110 §4.2.3: letter case makes no other host.
  if (host !== undefined && host.toLowerCase() !== authority!.toLowerCase())
    return refuse("host differs from the target");
  if (path === undefined) {
    // RFC 9110 §9.3.6
    if (authority === undefined || !WITH_PORT.test(authority)) return refuse("CONNECT without host and port");
  } else if (!PATH.test(path) && !(path === "*" && method === "OPTIONS")) {
    return refuse("the path is not one");
  }
  const fields = hosts === 0 && cookies < 2 ? given.fields : normalized(given.fields);
  return { authority: authority ?? "", fields };
}

const refuse = (reason: string): Refusal => ({ status: 400, reason });

export const isRefusal = (verdict: AcceptedHead | Refusal): verdict is Refusal => "status" in verdict;

/** RFC 9113 §8.2.3, RFC 9114 §4.2.1: the crumbs of a cookie are one line for whatever stands behind us. */
function normalized(given: FieldSection): FieldSection {
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

/** What a server refuses that could be sent to another one. `scheme` is undefined where the request names none. */
export function refusalOfServer(scheme: string | undefined, given: GivenHead): Refusal | undefined {
  if (!METHODS.has(given.method)) return { status: 501, reason: "the method is not known" }; // RFC 9110 §9.1
  if (scheme !== undefined && !/^https?$/i.test(scheme)) return refuse("the scheme is not one that this server speaks");
  // RFC 6585 §5
  if (headSize(scheme, given) > MAX_HEAD_SIZE) return { status: 431, reason: "the head is too large" };
  return undefined;
}

/** RFC 9113 §6.5.2, RFC 9114 §4.2.2: the pseudo-header fields count, in HTTP/1.1 as if it had them. */
function headSize(scheme: string | undefined, { method, authority, path, fields }: GivenHead): number {
  let size = fieldSectionSize(fields) + fieldLineSize(":method", method);
  if (authority !== undefined) size += fieldLineSize(":authority", authority);
  if (path !== undefined) size += fieldLineSize(":path", path) + fieldLineSize(":scheme", scheme ?? "https");
  return size;
}
