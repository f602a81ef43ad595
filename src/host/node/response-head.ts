/** Converts the headers of `writeHead`, in any of its shapes, to the fields of an exchange. */
import { validateHeaderName, validateHeaderValue } from "node:http";
import { type FieldLine, isHttp1Only } from "../../http/index.ts";
import type { HttpVersion, RespondOptions } from "../http/exchange.ts";
import { invalidHeaders, trailerInvalid } from "./node-errors.ts";
import type { GivenHeaders, Outgoing, Value } from "./outgoing-members.ts";

export type ResponseHead = Required<Pick<RespondOptions, "contentLength" | "keepAlive">> & {
  readonly fields: readonly FieldLine[];
};

interface Seen {
  connection: boolean;
  length: boolean;
  coding: boolean;
  trailer: boolean;
}

/**
 * Field lines in the listener's spelling for HTTP/1.1; for other versions, the allowed ones in lower case. The values
 * of `unique` fields are joined.
 */
export function responseHead(
  response: Outgoing,
  given: GivenHeaders,
  protocol: HttpVersion,
  unique: ReadonlySet<string>,
): ResponseHead {
  const fields: FieldLine[] = [];
  const seen: Seen = { connection: false, length: false, coding: false, trailer: false };
  const isHttp1 = protocol === "http/1.1";
  const add = (name: string, value: Value): void => {
    const lower = name.toLowerCase();
    const text = String(value).trim();
    note(response, seen, lower, text);
    if (isHttp1) fields.push([name, text]);
    // RFC 9110 §8.6: a 204 has no content-length, but Express sets one.
    else if (lower === "content-length" && response.statusCode === 204) return;
    // RFC 9114 §4.2, RFC 9113 §8.2.2: connection-specific fields are not allowed here.
    else if (!isHttp1Only(lower, text) && lower !== "http2-settings") fields.push([lower, text]);
  };
  eachHeader(response, given, (name, value) => {
    if (!Array.isArray(value)) add(name, value);
    else if (isJoined(name.toLowerCase(), value, unique)) add(name, value.join("; "));
    else for (const each of value) add(name, each);
  });
  const isLengthNeeded = !seen.length && !seen.coding && isLengthKnown(response) && !seen.trailer;
  if (isLengthNeeded && !isHttp1) fields.push(["content-length", String(response._contentLength)]);
  seen.length ||= isLengthNeeded;
  const { _hasBody, useChunkedEncodingByDefault, _removedTE } = response;
  const isChunked = seen.coding || (!seen.length && _hasBody && useChunkedEncodingByDefault && !_removedTE);
  if (seen.trailer && !isChunked) throw trailerInvalid();
  // Keeps the framing that Node's server would choose; the exchange might find the length after all.
  const contentLength = isLengthNeeded ? response._contentLength! : _hasBody ? "unknown" : undefined;
  return { fields, contentLength, keepAlive: response.shouldKeepAlive || seen.connection };
}

const isJoined = (name: string, { length }: readonly unknown[], unique: ReadonlySet<string>): boolean =>
  unique.has(name) || (name === "cookie" && length > 1);

const isLengthKnown = (response: Outgoing): boolean =>
  response._hasBody &&
  response.useChunkedEncodingByDefault &&
  !response._removedContLen &&
  typeof response._contentLength === "number";

/** Calls `use` for each header. Validates those that `setHeader` has not validated. */
function eachHeader(response: Outgoing, given: GivenHeaders, use: (name: string, value: Value) => void): void {
  const names = response.getRawHeaderNames();
  if (names.length > 0) {
    for (const name of names) use(name, response.getHeader(name));
    return;
  }
  const validated = (name: string, value: Value): void => {
    validateHeaderName(name);
    for (const each of [value].flat()) validateHeaderValue(name, each as string);
    use(name, value);
  };
  if (given === undefined || given === null) return;
  if (!isList(given)) {
    for (const [name, value] of Object.entries(given)) validated(name, value);
  } else if (Array.isArray(given[0])) {
    for (const pair of given as [string, Value][]) validated(pair[0], pair[1]);
  } else {
    if (given.length % 2 !== 0) throw invalidHeaders();
    for (let i = 0; i < given.length; i += 2) validated(given[i] as string, given[i + 1]);
  }
}

const isList = (given: object): given is readonly Value[] => Array.isArray(given);

function note(response: Outgoing, seen: Seen, name: string, value: string): void {
  switch (name) {
    case "connection":
      seen.connection = true;
      break;
    case "content-length":
      seen.length = true;
      response._contentLength = Number(value);
      break;
    case "transfer-encoding":
      seen.coding = true;
      break;
    case "trailer":
      seen.trailer = true;
      break;
  }
}
