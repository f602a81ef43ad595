/**
 * Responses of backends: a streaming reader, which knows the request that each response belongs to. A response that cannot
 * belong to its request ends the connection: after a lost or an extra response, every later one would be for another key.
 */

import { COMMANDS } from "./command.ts";
import { MAX_RESPONSE_LINE } from "./limits.ts";
import { type Request, text } from "./request.ts";

/** The codes of memcached's Lua API (`res:code()`). */
export const CODES = {
  stored: 8,
  exists: 9,
  deleted: 10,
  touched: 11,
  version: 12,
  notFound: 13,
  notStored: 14,
  ok: 15,
  nop: 16,
  end: 17,
  error: 21,
  clientError: 22,
  serverError: 23,
} as const;
export type Code = (typeof CODES)[keyof typeof CODES];

export type ResponseType = "get" | "end" | "meta" | "generic" | "numeric" | "version" | "error" | "failure";

/** The response to one request. */
export class Response {
  readonly type: ResponseType;
  readonly code: Code;
  readonly bytes: Uint8Array;
  /** What the client receives. */
  readonly start: number;
  readonly end: number;
  /** The end of the first line, without CRLF. */
  readonly lineEnd: number;
  /** Bytes of the value, without CRLF. */
  readonly valueLength: number;

  constructor(
    type: ResponseType,
    code: Code,
    bytes: Uint8Array,
    start: number,
    end: number,
    lineEnd: number,
    valueLength: number,
  ) {
    this.type = type;
    this.code = code;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.lineEnd = lineEnd;
    this.valueLength = valueLength;
  }

  /** True for everything but errors: misses and refusals are valid answers. */
  get ok(): boolean {
    return this.type !== "error" && this.type !== "failure";
  }

  /** True for everything but errors and the misses of a get. */
  get hit(): boolean {
    return this.ok && this.code !== CODES.end;
  }

  get line(): string {
    return text(this.bytes, this.start, this.lineEnd);
  }
}

const EMPTY = new Uint8Array(0);
const MAX_PREVIEW = 100;
/** The backend gave no response. */
export const BACKEND_FAILURE = new Response("failure", CODES.serverError, EMPTY, 0, 0, 0, 0);

/** A response made by the proxy. */
export function ownResponse(type: ResponseType, code: Code, bytes: Uint8Array): Response {
  return new Response(type, code, bytes, 0, bytes.length, Math.max(0, bytes.length - 2), 0);
}

/** The response that a text means; one without a known first word is passed on as it is. A part of a multiget has no END. */
export function responseOf(bytes: Uint8Array, isPart: boolean): Response {
  let lineEnd = 0;
  while (lineEnd < bytes.length && bytes[lineEnd] !== LF) lineEnd += 1;
  if (lineEnd > 0 && bytes[lineEnd - 1] === CR) lineEnd -= 1;
  const [word = ""] = text(bytes, 0, Math.min(lineEnd, 20)).split(" ");
  const [type, code] = WORDS.get(word) ?? (["generic", CODES.ok] as const);
  const hasEnd = isPart && END.every((byte, i) => bytes[bytes.length - END.length + i] === byte);
  return new Response(type, code, bytes, 0, hasEnd ? bytes.length - END.length : bytes.length, lineEnd, 0);
}

/** Why a stream of responses cannot be read any further; the names are those of `watch proxyevents`. */
export type ReadFailure = "parsing" | "unhandledres" | "missingend" | "outofmemory";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const END = [0x45, 0x4e, 0x44, CR, LF] as const;

/** What the first word of a response means. */
const WORDS = new Map<string, readonly [ResponseType, Code]>([
  ["HD", ["meta", CODES.ok]],
  ["VA", ["meta", CODES.ok]],
  ["ME", ["meta", CODES.ok]],
  ["MN", ["meta", CODES.nop]],
  ["EN", ["meta", CODES.end]],
  ["EX", ["meta", CODES.exists]],
  ["NF", ["meta", CODES.notFound]],
  ["NS", ["meta", CODES.notStored]],
  ["OK", ["generic", CODES.ok]],
  ["END", ["end", CODES.end]],
  ["VALUE", ["get", CODES.ok]],
  ["ERROR", ["error", CODES.error]],
  ["STORED", ["generic", CODES.stored]],
  ["EXISTS", ["generic", CODES.exists]],
  ["DELETED", ["generic", CODES.deleted]],
  ["TOUCHED", ["generic", CODES.touched]],
  ["VERSION", ["version", CODES.version]],
  ["NOT_FOUND", ["generic", CODES.notFound]],
  ["NOT_STORED", ["generic", CODES.notStored]],
  ["SERVER_ERROR", ["error", CODES.serverError]],
  ["CLIENT_ERROR", ["error", CODES.clientError]],
]);

export class ResponseReader {
  readonly #maxValue: number;
  #bytes: Uint8Array = EMPTY;
  #position = 0;
  #end = 0;
  /** The whole length of a response whose end has not come; 0 if unknown. */
  #needed = 0;
  /** What follows a response that was put together from several chunks. */
  #rest: Uint8Array | undefined;

  constructor(maxValue: number) {
    this.#maxValue = maxValue;
  }

  /** True if bytes are left that belong to no complete response. */
  get hasBytes(): boolean {
    return this.#end > this.#position || this.#rest !== undefined;
  }

  /** The first bytes that belong to no complete response, for a log. */
  preview(): string {
    return text(this.#bytes, this.#position, Math.min(this.#end, this.#position + MAX_PREVIEW));
  }

  /** Takes the next bytes, which must not change later. All complete responses have been read before. */
  push(chunk: Uint8Array): void {
    const kept = this.#end - this.#position;
    if (kept === 0) {
      this.#use(chunk);
    } else if (this.#needed > 0) {
      this.#fill(chunk);
    } else {
      const joined = new Uint8Array(kept + chunk.length);
      joined.set(this.#bytes.subarray(this.#position, this.#end));
      joined.set(chunk, kept);
      this.#use(joined);
    }
  }

  clear(): void {
    this.#use(EMPTY);
    this.#needed = 0;
    this.#rest = undefined;
  }

  /** Returns the next response, a failure, or undefined if it is not complete. */
  next(request: Request): Response | ReadFailure | undefined {
    if (this.#position === this.#end && this.#rest !== undefined) {
      this.#use(this.#rest);
      this.#rest = undefined;
    }
    if (this.#needed > this.#end - this.#position || this.#position === this.#end) return undefined;
    const bytes = this.#bytes;
    const start = this.#position;
    let newline = start;
    while (newline < this.#end && bytes[newline] !== LF) newline += 1;
    if (newline === this.#end) return newline - start > MAX_RESPONSE_LINE ? "parsing" : undefined;
    const lineEnd = newline > start && bytes[newline - 1] === CR ? newline - 1 : newline;
    return this.#read(request, start, lineEnd, newline + 1);
  }

  #read(request: Request, start: number, lineEnd: number, valueStart: number): Response | ReadFailure | undefined {
    const bytes = this.#bytes;
    const first = bytes[start]!;
    // A hit is the frequent case, and is recognised without a string.
    if (first === 0x56 && request.kind !== "generic") {
      if (bytes[start + 1] === 0x41 && bytes[start + 2] === SPACE) {
        return this.#readValue(request, "meta", start, lineEnd, valueStart, start + 3);
      }
      if (bytes[start + 5] === SPACE && text(bytes, start, start + 5) === "VALUE") {
        return this.#readValueLine(request, start, lineEnd, valueStart);
      }
    }
    if (first >= 0x30 && first <= 0x39) {
      if (request.command !== COMMANDS.incr && request.command !== COMMANDS.decr) return "unhandledres";
      return this.#finish("numeric", CODES.ok, start, valueStart, lineEnd, 0);
    }
    let wordEnd = start;
    while (wordEnd < lineEnd && bytes[wordEnd] !== SPACE) wordEnd += 1;
    const known = wordEnd - start > 12 ? undefined : WORDS.get(text(bytes, start, wordEnd));
    if (known === undefined) return "parsing";
    const [type, code] = known;
    if (!belongs(type, request, bytes, start)) return "unhandledres";
    // The END of a multiget's miss is not passed on.
    const end = type === "end" && request.isPart ? start : valueStart;
    this.#position = valueStart;
    this.#needed = 0;
    return new Response(type, code, bytes, start, end, lineEnd, 0);
  }

  /** VALUE <key> <flags> <length> [<cas>] */
  #readValueLine(
    request: Request,
    start: number,
    lineEnd: number,
    valueStart: number,
  ): Response | ReadFailure | undefined {
    const bytes = this.#bytes;
    const keyStart = start + 6;
    const keyLength = request.keyEnd - request.keyStart;
    if (request.kind !== "get" || bytes[keyStart + keyLength] !== SPACE) return "unhandledres";
    for (let i = 0; i < keyLength; i += 1) {
      if (bytes[keyStart + i] !== request.bytes[request.keyStart + i]) return "unhandledres";
    }
    let at = keyStart + keyLength + 1;
    while (at < lineEnd && bytes[at] !== SPACE) at += 1;
    return this.#readValue(request, "get", start, lineEnd, valueStart, at + 1);
  }

  /** `at` is where the value's length stands. */
  #readValue(
    request: Request,
    type: "get" | "meta",
    start: number,
    lineEnd: number,
    valueStart: number,
    at: number,
  ): Response | ReadFailure | undefined {
    const bytes = this.#bytes;
    let length = 0;
    let digit = at;
    for (; digit < lineEnd && bytes[digit] !== SPACE; digit += 1) {
      const value = bytes[digit]! - 0x30;
      if (value < 0 || value > 9 || length > this.#maxValue) return "parsing";
      length = length * 10 + value;
    }
    if (digit === at || (type === "meta") !== (request.kind === "meta")) return "parsing";
    if (length > this.#maxValue) return "outofmemory";
    const valueEnd = valueStart + length + 2;
    const total = type === "get" ? valueEnd + END.length : valueEnd;
    if (total > this.#end) {
      this.#needed = total - start;
      return undefined;
    }
    if (bytes[valueEnd - 2] !== CR || bytes[valueEnd - 1] !== LF) return "parsing";
    if (type === "meta") return this.#finish("meta", CODES.ok, start, valueEnd, lineEnd, length);
    for (let i = 0; i < END.length; i += 1) if (bytes[valueEnd + i] !== END[i]) return "missingend";
    this.#position = total;
    this.#needed = 0;
    return new Response("get", CODES.ok, bytes, start, request.isPart ? valueEnd : total, lineEnd, length);
  }

  #finish(type: ResponseType, code: Code, start: number, end: number, lineEnd: number, valueLength: number): Response {
    this.#position = end;
    this.#needed = 0;
    return new Response(type, code, this.#bytes, start, end, lineEnd, valueLength);
  }

  #use(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#position = 0;
    this.#end = bytes.length;
  }

  /** Copies into a buffer of the response's whole length. */
  #fill(chunk: Uint8Array): void {
    const kept = this.#end - this.#position;
    if (this.#position > 0 || this.#bytes.length !== this.#needed) {
      const whole = new Uint8Array(this.#needed);
      whole.set(this.#bytes.subarray(this.#position, this.#end));
      this.#bytes = whole;
      this.#position = 0;
    }
    const missing = this.#needed - kept;
    const taken = Math.min(missing, chunk.length);
    this.#bytes.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), kept);
    this.#end = kept + taken;
    if (taken < chunk.length) this.#rest = chunk.subarray(taken);
  }
}

function belongs(type: ResponseType, request: Request, bytes: Uint8Array, start: number): boolean {
  if (type === "error") return true;
  if (request.kind === "get") return type === "end";
  // VA and VALUE have been read before.
  if (request.kind === "meta") return type === "meta" && bytes[start] !== 0x56;
  return request.command === COMMANDS.version ? type === "version" : type === "generic";
}
