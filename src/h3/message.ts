/**
 * Validates messages in both directions (RFC 9114 §4.1.2, §4.2, §4.3). A malformed message must never get through,
 * because a recipient downstream could interpret it differently.
 */

import {
  type AcceptedHead,
  contentLengthOf,
  type FieldLine,
  type FieldSection,
  type GivenHead,
  isConnectionSpecific,
  isFieldName,
  isFieldValue,
  isRefusal,
  isToken,
  judgeRequest,
} from "../http/index.ts";
import { malformed, RefusedRequest } from "./errors.ts";

/** A request's control data (RFC 9114 §4.3.1) and fields. Only a plain CONNECT has no `scheme` and `path`. */
export interface RequestHead {
  readonly method: string;
  readonly scheme: string | undefined;
  /** From `:authority`, or else from `host`, which `fields` never has. */
  readonly authority: string | undefined;
  readonly path: string | undefined;
  /** The protocol of an extended CONNECT (RFC 9220). */
  readonly protocol: string | undefined;
  readonly fields: FieldSection;
  readonly contentLength: number | undefined;
}

export interface ResponseHead {
  readonly status: number;
  readonly fields: FieldSection;
  readonly contentLength: number | undefined;
}

const SCHEME = /^[a-z][a-z0-9+.-]*$/;
/** The characters of RFC 3986 §3.2. Others, which could split it, are malformed; `judgeRequest` checks the rest. */
const AUTHORITY = /^[A-Za-z0-9\-._~!$&'()*+,;=%:@[\]]+$/;
/** No spaces or control characters, which could split a request line downstream. */
const PATH = /^\/[\x21-\x7e\x80-\xff]*$/;
const STATUS = /^[1-9][0-9][0-9]$/;

const COLON = 0x3a;
const isPseudoHeader = (name: string): boolean => name.charCodeAt(0) === COLON;

/** Returns the value of a pseudo-header field that must not be repeated. */
function once(name: string, earlier: string | undefined, value: string): string {
  if (earlier !== undefined) throw malformed(`pseudo-header ${name} is repeated`);
  if (!isFieldValue(value)) throw malformed(`pseudo-header ${name} has a forbidden character`);
  return value;
}

/** RFC 9114 §4.3: undefined pseudo-header fields are malformed. */
const undefinedPseudoHeader = (name: string) => malformed(`pseudo-header ${name} is not allowed here`);

/** Returns the lines after the pseudo-header fields, validated. */
function fieldsFrom(section: FieldSection, first: number): FieldLine[] {
  const fields = section.slice(first);
  for (const line of fields) checkField(line[0], line[1]);
  return fields;
}

/** Checks a regular field line (RFC 9114 §4.2, §4.3, §10.3). */
function checkField(name: string, value: string): void {
  const problem = fieldProblem(name, value);
  if (problem !== undefined) throw malformed(problem);
}

function fieldProblem(name: string, value: string): string | undefined {
  if (!isFieldName(name)) {
    if (isPseudoHeader(name)) return `pseudo-header ${name} after other fields or in trailers`;
    return "a field name has an uppercase or forbidden character";
  }
  if (!isFieldValue(value)) return `the value of ${name} has a forbidden character, or leading or trailing space`;
  if (isConnectionSpecific(name)) return `${name} is specific to HTTP/1.1 connections`;
  if (name === "te" && value !== "trailers") return "te must be trailers";
  return undefined;
}

/** RFC 9114 §4.1.2: an invalid content-length makes a message malformed. */
function lengthOf(fields: FieldSection): number | undefined {
  const length = contentLengthOf(fields);
  if (typeof length === "string") throw malformed(`content-length: ${length}`);
  return length;
}

/** Returns `:authority`, or else `host`, which must not be repeated (RFC 9110 §7.2). */
function authorityOf(fields: FieldSection, pseudoAuthority: string | undefined): string | undefined {
  let host: string | undefined;
  for (const [name, value] of fields) {
    if (name !== "host") continue;
    if (host !== undefined) throw malformed("host is repeated");
    host = value;
  }
  return pseudoAuthority ?? host;
}

/** RFC 9110 §8.6: a repeated length may be refused even if it is the same, as HTTP/1.1 and HTTP/2 do. */
function requestLengthOf(fields: FieldSection): number | undefined {
  if (fields.filter(([name]) => name === "content-length").length > 1) throw malformed("content-length is repeated");
  return lengthOf(fields);
}

function accept(given: GivenHead): AcceptedHead {
  const verdict = judgeRequest(given);
  if (isRefusal(verdict)) throw verdict.isMalformed ? malformed(verdict.reason) : new RefusedRequest(verdict);
  return verdict;
}

/**
 * Parses a request's head from the lines of its HEADERS frame. Throws a `StreamError` if it is malformed, and a
 * `RefusedRequest` if it must not be served. `:protocol` is only allowed if its receiver enabled it (RFC 8441 §4,
 * RFC 9220 §3).
 */
export function parseRequestHead(section: FieldSection, allowsProtocol = false): RequestHead {
  let method: string | undefined;
  let scheme: string | undefined;
  let pseudoAuthority: string | undefined;
  let path: string | undefined;
  let protocol: string | undefined;
  let first = 0;
  for (; first < section.length && isPseudoHeader(section[first]![0]); first += 1) {
    const line = section[first]!;
    switch (line[0]) {
      case ":method":
        method = once(line[0], method, line[1]);
        break;
      case ":scheme":
        scheme = once(line[0], scheme, line[1]);
        break;
      case ":authority":
        pseudoAuthority = once(line[0], pseudoAuthority, line[1]);
        break;
      case ":path":
        path = once(line[0], path, line[1]);
        break;
      case ":protocol":
        if (!allowsProtocol) throw undefinedPseudoHeader(line[0]);
        protocol = once(line[0], protocol, line[1]);
        break;
      default:
        throw undefinedPseudoHeader(line[0]);
    }
  }
  const fields = fieldsFrom(section, first);
  if (method === undefined) throw malformed(":method is missing");
  if (!isToken(method)) throw malformed(":method is not a token");
  const authority = authorityOf(fields, pseudoAuthority);
  if (authority !== undefined && !AUTHORITY.test(authority)) throw malformed(":authority or host is invalid");
  if (protocol !== undefined) {
    // RFC 8441 §4: the method is CONNECT, with all pseudo-header fields of other requests.
    if (method !== "CONNECT") throw malformed(":protocol without CONNECT");
    if (!isToken(protocol)) throw malformed(":protocol is not a token");
    if (pseudoAuthority === undefined) throw malformed("extended CONNECT without :authority");
  } else if (method === "CONNECT") {
    // RFC 9114 §4.4
    if (scheme !== undefined || path !== undefined) throw malformed("CONNECT with :scheme or :path");
    if (pseudoAuthority === undefined) throw malformed("CONNECT without :authority");
    const accepted = accept({ method, authority: pseudoAuthority, path, fields });
    return { method, scheme, ...accepted, path, protocol, contentLength: undefined };
  }
  if (scheme === undefined || !SCHEME.test(scheme)) throw malformed(":scheme is missing or invalid");
  if (path === undefined) throw malformed(":path is missing");
  if (scheme === "http" || scheme === "https") {
    if (authority === undefined) throw malformed(":authority and host are missing");
    if (!PATH.test(path) && !(path === "*" && method === "OPTIONS")) throw malformed(":path is invalid");
  }
  // RFC 9110 §9.3.6: CONNECT has no content that could have a length.
  const contentLength = method === "CONNECT" ? undefined : requestLengthOf(fields);
  // Other schemes have other rules, which their handlers check.
  const isHttp = scheme === "http" || scheme === "https";
  const accepted = isHttp ? accept({ method, authority: pseudoAuthority, path, fields }) : { authority, fields };
  return { method, scheme, ...accepted, path, protocol, contentLength };
}

/** Parses an interim or final response's head. Throws a `StreamError` if it is malformed. */
export function parseResponseHead(section: FieldSection): ResponseHead {
  let status: string | undefined;
  let first = 0;
  for (; first < section.length && isPseudoHeader(section[first]![0]); first += 1) {
    const line = section[first]!;
    if (line[0] !== ":status") throw undefinedPseudoHeader(line[0]);
    status = once(line[0], status, line[1]);
  }
  const fields = fieldsFrom(section, first);
  if (status === undefined || !STATUS.test(status)) throw malformed(":status is missing or not three digits");
  // RFC 9114 §4.5
  if (status === "101") throw malformed("status 101 does not exist in HTTP/3");
  return { status: Number(status), fields, contentLength: lengthOf(fields) };
}

/** Checks trailers: no pseudo-header fields (RFC 9114 §4.3), and no fields that affect framing (RFC 9110 §6.5.1). */
export function parseTrailers(section: FieldSection): FieldSection {
  for (const [name, value] of section) {
    checkField(name, value);
    if (name === "content-length") throw malformed("content-length in trailers");
  }
  return section;
}
