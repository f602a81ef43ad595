/** Converts the headers of `writeHead`, in any of its shapes, to the fields of an exchange. */
import { OutgoingMessage, validateHeaderName, validateHeaderValue } from "node:http";
import { type FieldLine, isHttp1Only } from "../../http/index.ts";
import type { HttpVersion, RespondOptions } from "../http/exchange.ts";
import { invalidHeaders, trailerInvalid } from "./node-errors.ts";
import type { GivenHeaders, Outgoing, Value } from "./outgoing-members.ts";

export type ResponseHead = Required<Pick<RespondOptions, "contentLength" | "keepAlive">> & {
  readonly fields: readonly FieldLine[];
};

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
  const head = new HeadBuilder(response, protocol === "http/1.1", unique);
  head.addAll(given);
  return head.finish();
}

/** The headers that `setHeader` has validated: names in lower case, with the given name and value. */
type SetHeaders = Readonly<Record<string, readonly [name: string, value: Value]>>;

/** ServerResponse keeps its headers under this symbol. */
const SET_HEADERS = Object.getOwnPropertySymbols(new OutgoingMessage()).find(
  ({ description }) => description === "kOutHeaders",
)!;

class HeadBuilder {
  readonly #response: Outgoing;
  readonly #isHttp1: boolean;
  readonly #unique: ReadonlySet<string>;
  readonly #fields: FieldLine[] = [];
  #hasConnection = false;
  #hasLength = false;
  #hasCoding = false;
  #hasTrailer = false;

  constructor(response: Outgoing, isHttp1: boolean, unique: ReadonlySet<string>) {
    this.#response = response;
    this.#isHttp1 = isHttp1;
    this.#unique = unique;
  }

  /** Validates those that `setHeader` has not validated. */
  addAll(given: GivenHeaders): void {
    const set = (this.#response as unknown as Record<symbol, SetHeaders | null>)[SET_HEADERS];
    let isSet = false;
    for (const key in set) {
      const [name, value] = set[key]!;
      this.#add(name, value);
      isSet = true;
    }
    if (isSet || given === undefined || given === null || given === (set as unknown)) return;
    if (!isList(given)) {
      for (const [name, value] of Object.entries(given)) this.#addUnchecked(name, value);
    } else if (Array.isArray(given[0])) {
      for (const pair of given as [string, Value][]) this.#addUnchecked(pair[0], pair[1]);
    } else {
      if (given.length % 2 !== 0) throw invalidHeaders();
      for (let i = 0; i < given.length; i += 2) this.#addUnchecked(given[i] as string, given[i + 1]);
    }
  }

  #addUnchecked(name: string, value: Value): void {
    validateHeaderName(name);
    for (const each of [value].flat()) validateHeaderValue(name, each as string);
    this.#add(name, value);
  }

  #add(name: string, value: Value): void {
    if (!Array.isArray(value)) this.#addLine(name, String(value).trim());
    else if (isJoined(name.toLowerCase(), value, this.#unique)) this.#addLine(name, value.join("; ").trim());
    else for (const each of value) this.#addLine(name, String(each).trim());
  }

  #addLine(name: string, value: string): void {
    const lower = name.toLowerCase();
    this.#note(lower, value);
    if (this.#isHttp1) this.#fields.push([name, value]);
    // RFC 9110 §8.6: a 204 has no content-length, but Express sets one.
    else if (lower === "content-length" && this.#response.statusCode === 204) return;
    // RFC 9114 §4.2, RFC 9113 §8.2.2: connection-specific fields are not allowed here.
    else if (!isHttp1Only(lower, value) && lower !== "http2-settings") this.#fields.push([lower, value]);
  }

  #note(lower: string, value: string): void {
    switch (lower) {
      case "connection":
        this.#hasConnection = true;
        break;
      case "content-length":
        this.#hasLength = true;
        this.#response._contentLength = Number(value);
        break;
      case "transfer-encoding":
        this.#hasCoding = true;
        break;
      case "trailer":
        this.#hasTrailer = true;
        break;
    }
  }

  finish(): ResponseHead {
    const response = this.#response;
    const { _hasBody, useChunkedEncodingByDefault, _removedTE, _contentLength } = response;
    const isLengthNeeded = !this.#hasLength && !this.#hasCoding && isLengthKnown(response) && !this.#hasTrailer;
    if (isLengthNeeded && !this.#isHttp1) this.#fields.push(["content-length", String(_contentLength)]);
    const hasLength = this.#hasLength || isLengthNeeded;
    const isChunked = this.#hasCoding || (!hasLength && _hasBody && useChunkedEncodingByDefault && !_removedTE);
    if (this.#hasTrailer && !isChunked) throw trailerInvalid();
    // Keeps the framing that Node's server would choose; the exchange might find the length after all.
    const contentLength = isLengthNeeded ? _contentLength! : _hasBody ? "unknown" : undefined;
    return { fields: this.#fields, contentLength, keepAlive: response.shouldKeepAlive || this.#hasConnection };
  }
}

const isJoined = (name: string, { length }: readonly unknown[], unique: ReadonlySet<string>): boolean =>
  unique.has(name) || (name === "cookie" && length > 1);

const isLengthKnown = (response: Outgoing): boolean =>
  response._hasBody &&
  response.useChunkedEncodingByDefault &&
  !response._removedContLen &&
  typeof response._contentLength === "number";

const isList = (given: object): given is readonly Value[] => Array.isArray(given);
