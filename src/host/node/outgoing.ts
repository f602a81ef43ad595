/**
 * `res`: a real http.ServerResponse that writes to an exchange. All that it checks, counts, emits and throws is Node's
 * own; where Node's would format bytes for a socket (`_storeHeader`, `_send`, `_writeRaw`, `_finish`), an outbox takes over.
 *
 * Frameworks replace the prototype of the instance by one whose parent is Node's, so these four are properties of the
 * instance itself.
 */
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { Incoming } from "./incoming.ts";
import { invalidStatus } from "./node-errors.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { type GivenHeaders, type Outgoing, splitLine, type WriteCallback } from "./outgoing-members.ts";
import { responseFields } from "./response-head.ts";
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
  const response = new Class(request as never) as BoundResponse;
  if (request.httpVersionMajor > 1) {
    // Node takes "2.0" and "3.0", by their second number, for versions that know no chunks.
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

/** The end of `writeHead`: the head is fixed, and `headersSent` from now on. */
function storeHeader(this: BoundResponse, firstLine: string, headers: GivenHeaders): void {
  const outbox = this[OUTBOX];
  const { protocol } = outbox.exchange;
  // RFC 9114 §4.1: an interim status ends nothing. Over HTTP/1.1 Node lets it pass.
  if (protocol !== "http/1.1" && this.statusCode < 200) throw invalidStatus(this.statusCode);
  outbox.head = { status: this.statusCode, fields: responseFields(this, headers, protocol) };
  this._header = firstLine;
}

/** Content, or "" for the head alone. */
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

/** What Node writes past the message: an informational response (RFC 9110 §15.2). */
function writeRaw(this: BoundResponse, data: string, _encoding: BufferEncoding, callback?: WriteCallback): boolean {
  const match = INFORMATION.exec(data);
  if (match !== null && this.socket !== null) {
    const lines = data.slice(match[0].length).trimEnd().split("\r\n");
    const fields = lines.filter((line) => line !== "").map((line) => splitLine(line));
    this[OUTBOX].exchange.inform(Number(match[1]), fields);
  }
  if (typeof callback === "function") this[OUTBOX].callLater(callback);
  return true;
}

/** The end of `end`. */
function finish(this: BoundResponse): void {
  this[OUTBOX].end();
  // Of the prototype as it is now. It emits "prefinish".
  Object.getPrototypeOf(this)._finish.call(this);
}

/** `_flush` says "drain" where this is true. */
function flushOutput(this: BoundResponse): boolean {
  return true;
}

/** A listener that throws costs its own request. */
function emit(this: BoundResponse, ...given: [never, ...never[]]): boolean {
  try {
    if ((given[0] as string) === "finish") this[OUTBOX].handleFinish();
    return EventEmitter.prototype.emit.apply(this, given);
  } catch (error) {
    this[OUTBOX].fail(error);
    return true;
  }
}
