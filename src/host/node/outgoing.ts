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

export type ResponseClass = new (request: never, options?: never) => ServerResponse;

const OUTBOX = Symbol("nagare.outbox");

interface BoundResponse extends Outgoing {
  [OUTBOX]: Outbox;
}

export function createResponse(
  Class: ResponseClass,
  request: Incoming,
  socket: StreamSocket,
  owner: OutboxOwner,
): { readonly response: Outgoing; readonly outbox: Outbox } {
  const response = new Class(request as never, owner.settings.responseOptions as never) as BoundResponse;
  if (request.httpVersionMajor > 1) {
    // Node only checks the minor version, and takes "2.0" and "3.0" for HTTP/1.0.
    response.useChunkedEncodingByDefault = true;
    response.shouldKeepAlive = true;
  }
  const outbox = new Outbox(response, socket, owner);
  response[OUTBOX] = outbox;
  response._storeHeader = storeHeader;
  response._send = send;
  response._writeRaw = writeRaw;
  response._finish = finish;
  response._flushOutput = flushOutput;
  response.emit = emit;
  return { response, outbox };
}

/** Called at the end of `writeHead`. Fixes the head and makes `headersSent` true. */
function storeHeader(this: BoundResponse, firstLine: string, headers: GivenHeaders): void {
  const outbox = this[OUTBOX];
  const { protocol } = outbox.exchange;
  // RFC 9114 §4.1: an interim response is not final. Node allows it over HTTP/1.1.
  if (protocol !== "http/1.1" && this.statusCode < 200) throw invalidStatus(this.statusCode);
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
    if ((given[0] as string) === "finish") this[OUTBOX].handleFinish();
    // The prototype's method may be a tracing tool's.
    return Object.getPrototypeOf(this).emit.apply(this, given);
  } catch (error) {
    this[OUTBOX].fail(error);
    return true;
  }
}
