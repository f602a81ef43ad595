/**
 * `res`: a real http.ServerResponse that writes to an exchange. Checks, counters, events and errors are Node's own code;
 * the four methods that format bytes for a socket (`_storeHeader`, `_send`, `_writeRaw`, `_finish`) write to an outbox.
 *
 * Frameworks replace the instance's prototype with one that inherits from Node's, so every override is an own property
 * of the instance.
 */
import type { ServerResponse } from "node:http";
import type { Incoming } from "./incoming.ts";
import { invalidStatus } from "./node-errors.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { type GivenHeaders, type Outgoing, splitLines, type WriteCallback } from "./outgoing-members.ts";
import { responseHead } from "./response-head.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** A class of responses that extends Node's. */
export type ResponseClass = new (request: never, options?: never) => ServerResponse;

const OUTBOX = Symbol("nagare.outbox");
const NOTHING = new Uint8Array();

interface BoundResponse extends Outgoing {
  [OUTBOX]: Outbox;
}

type OwnResponse = new (request: never, options: never) => BoundResponse;

export interface OwnResponseClass {
  readonly create: OwnResponse;
}

/** A class whose instances are created with the overrides, which is much cheaper than adding them. */
export function ownResponseClass(Class: ResponseClass): OwnResponseClass {
  const Own = class extends (Class as unknown as OwnResponse) {
    override [OUTBOX] = undefined as never;
    override _storeHeader = storeHeader;
    override _send = send;
    override _writeRaw = writeRaw;
    override _finish = finish;
    override _flushOutput = flushOutput;
    override emit = emit;
  };
  // Instances name the given class as theirs.
  delete (Own.prototype as { constructor?: unknown }).constructor;
  return { create: Own };
}

export function createResponse(
  Class: OwnResponseClass,
  request: Incoming,
  socket: StreamSocket,
  owner: OutboxOwner,
): { readonly response: Outgoing; readonly outbox: Outbox } {
  const response = new Class.create(request as never, owner.settings.responseOptions as never);
  if (request.httpVersionMajor > 1) {
    // Node only checks the minor version, and takes "2.0" and "3.0" for HTTP/1.0.
    response.useChunkedEncodingByDefault = true;
    response.shouldKeepAlive = true;
  }
  const outbox = new Outbox(response, socket, owner);
  response[OUTBOX] = outbox;
  return { response, outbox };
}

/** Fails the request of a listener whose promise was rejected. Returns false for an unknown response. */
export function failResponse(response: object, error: unknown): boolean {
  // A WeakMap from responses to requests would keep each one alive until a full garbage collection.
  const outbox = (response as Partial<BoundResponse>)[OUTBOX];
  outbox?.fail(error);
  return outbox !== undefined;
}

/** Called at the end of `writeHead`. Fixes the head and makes `headersSent` true. */
function storeHeader(this: BoundResponse, firstLine: string, headers: GivenHeaders): void {
  const outbox = this[OUTBOX];
  const { protocol } = outbox.exchange;
  // RFC 9114 §4.1: an interim response is not final. Node allows it over HTTP/1.1.
  if (protocol !== "http/1.1" && this.statusCode < 200) throw invalidStatus(this.statusCode);
  // Node knows the length before the head only while it ends the response.
  outbox.endsNow = this._contentLength !== null;
  outbox.head = { status: this.statusCode, ...responseHead(this, headers, protocol, outbox.uniqueHeaders) };
  this._header = firstLine;
}

/** Sends content, or only the head if `data` is empty. */
function send(
  this: BoundResponse,
  data: string | Uint8Array,
  encoding?: BufferEncoding | null,
  callback?: WriteCallback,
): boolean {
  if (data === "") return this[OUTBOX].add(NOTHING, callback ?? undefined);
  const bytes = typeof data === "string" ? Buffer.from(data, encoding ?? "utf8") : data;
  return this[OUTBOX].add(bytes, callback ?? undefined);
}

const INFORMATION = /^HTTP\/1\.1 (1[0-9]{2}) [^\r\n]*\r\n/;

/** Sends the informational responses (RFC 9110 §15.2) that Node writes separately from the message. */
function writeRaw(this: BoundResponse, data: string, _encoding: BufferEncoding, callback?: WriteCallback): boolean {
  const match = INFORMATION.exec(data);
  if (match !== null && this.socket !== null) {
    const { exchange } = this[OUTBOX];
    exchange.inform(Number(match[1]), splitLines(data.slice(match[0].length), exchange.protocol));
  }
  if (typeof callback === "function") this[OUTBOX].callLater(callback);
  return true;
}

/** Called at the end of `end`. */
function finish(this: BoundResponse): void {
  this[OUTBOX].end();
  // The current prototype's method emits "prefinish".
  Object.getPrototypeOf(this)._finish.call(this);
}

/** Makes `_flush` emit "drain" if a write returned false. */
function flushOutput(this: BoundResponse): boolean {
  return true;
}

/** Catches exceptions from listeners, which fail only this request. */
function emit(this: BoundResponse, ...given: [never, ...never[]]): boolean {
  try {
    if ((given[0] as string) === "finish") this[OUTBOX].owner.handleFinish();
    // The prototype's method may be a tracing tool's.
    return Object.getPrototypeOf(this).emit.apply(this, given);
  } catch (error) {
    this[OUTBOX].fail(error);
    return true;
  }
}
