/**
 * `req`: a real http.IncomingMessage whose head and content come from an exchange.
 *
 * Frameworks replace the instance's prototype with one that inherits from Node's, so every override is an own property
 * of the instance.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { fieldValue } from "../../http/index.ts";
import type { ServerExchange } from "../http/exchange.ts";
import { captureScope, within } from "../request-scope.ts";
import type { StreamSocket } from "./stream-socket.ts";

export type RequestClass = new (socket: never) => IncomingMessage;

export const REQUEST_STATE = Symbol("nagare.request");

/** State of the request for the overrides. */
interface RequestState {
  readonly exchange: ServerExchange;
  readonly socket: StreamSocket;
  /** Called when a listener throws. */
  readonly fail: (error: unknown) => void;
  /** Called when the body has ended, or the rest of it has been dropped. */
  readonly onEnd?: () => void;
  isWaiting: boolean;
  /** True once the response has finished: the rest of the body is then dropped. */
  hasResponded: boolean;
}

/** Undocumented members that Node's own server uses. */
export interface Incoming extends IncomingMessage {
  _consuming: boolean;
  _dump(): void;
  _addHeaderLines(lines: string[], count: number): void;
  _readableState: { readingMore: boolean; resumeScheduled: boolean };
  [REQUEST_STATE]: RequestState;
}

const VERSIONS = { h3: [3, 0], h2: [2, 0] } as const;

export function createRequest(
  Class: RequestClass,
  exchange: ServerExchange,
  socket: StreamSocket,
  joinDuplicateHeaders: boolean | undefined,
  on: Pick<RequestState, "fail"> & Partial<Pick<RequestState, "onEnd">>,
): Incoming {
  const request = new Class(socket as never) as Incoming;
  const { http1, protocol } = exchange;
  const [major, minor] = protocol === "http/1.1" ? [1, http1?.version === "1.0" ? 0 : 1] : VERSIONS[protocol];
  request.httpVersionMajor = major;
  request.httpVersionMinor = minor;
  request.httpVersion = `${major}.${minor}`;
  const isExtended = http1 === undefined && exchange.tunnelOffer?.protocol !== undefined;
  request.method = isExtended ? "GET" : exchange.method;
  request.url = http1?.target ?? (exchange.path === "" ? exchange.authority : exchange.path);
  if (joinDuplicateHeaders) Object.assign(request, { joinDuplicateHeaders });
  const lines = http1 === undefined ? linesOf(exchange) : (http1.rawHeaders as string[]);
  request._addHeaderLines(lines, lines.length);
  request[REQUEST_STATE] = { exchange, socket, ...on, isWaiting: false, hasResponded: false };
  request._read = read;
  request.emit = emit;
  return request;
}

/** Translates the head to HTTP/1.1 field lines, which listeners expect. */
function linesOf(exchange: ServerExchange): string[] {
  const { fields } = exchange;
  const lines: string[] = [];
  // RFC 9114 §4.3.1: the host is in :authority, in Host, or in both.
  if (fieldValue(fields, "host") === undefined && exchange.authority !== "") lines.push("host", exchange.authority);
  for (const [name, value] of fields) lines.push(name, value);
  // RFC 9112 §6.3: an HTTP/1.1 request with content has one of these two fields, and body parsers look for them.
  const isSized = exchange.body.state !== "open" || fieldValue(fields, "content-length") !== undefined;
  if (!isSized && exchange.tunnelOffer === undefined) lines.push("transfer-encoding", "chunked");
  const upgrade = exchange.tunnelOffer?.protocol;
  if (upgrade !== undefined) {
    // RFC 8441 §5: extended CONNECT replaces these fields. It has no key, but listeners require one.
    lines.push("connection", "Upgrade", "upgrade", upgrade);
    if (upgrade === "websocket") lines.push("sec-websocket-key", randomBytes(16).toString("base64"));
  }
  return lines;
}

/** Replaces IncomingMessage's `_read`, which would resume a parser's socket. */
function read(this: Incoming): void {
  if (!this._consuming) {
    this._readableState.readingMore = false;
    this._consuming = true;
  }
  pump(this);
}

function pump(request: Incoming): void {
  const state = request[REQUEST_STATE];
  const { body } = state.exchange;
  if (request.complete) return;
  for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
    state.socket.bytesRead += chunk.byteLength;
    state.socket.touch();
    if (!request.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) return;
  }
  if (body.state === "aborted") {
    if (state.exchange.readsOn === true) state.socket.destroy();
    else if (state.hasResponded) completeRequest(request);
  } else if (body.state === "ended") completeRequest(request);
  else if (!state.isWaiting) {
    state.isWaiting = true;
    body.onReadable = within(captureScope(), () => pump(request));
  }
}

/** Ends the request, unless the client has aborted it. */
export function completeRequest(request: Incoming): void {
  const { exchange, onEnd } = request[REQUEST_STATE];
  if (request.complete || exchange.aborted !== undefined) return;
  request.complete = true;
  const { http1, body } = exchange;
  const lines = (http1?.rawTrailers as string[] | undefined) ?? body.trailers.flat();
  if (lines.length > 0) request._addHeaderLines(lines, lines.length);
  request.push(null);
  onEnd?.();
}

/** Catches exceptions from listeners, which fail only this request. */
function emit(this: Incoming, ...given: [never, ...never[]]): boolean {
  try {
    // The prototype's method may be a tracing tool's.
    return Object.getPrototypeOf(this).emit.apply(this, given);
  } catch (error) {
    this[REQUEST_STATE].fail(error);
    return true;
  }
}
