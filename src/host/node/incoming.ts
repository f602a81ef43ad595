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

/** A class of requests that extends Node's. */
export type RequestClass = new (socket: never) => IncomingMessage;

const OWNER = Symbol("nagare.request");

/** What the overrides need. */
export interface RequestOwner {
  readonly exchange: ServerExchange;
  readonly socket: StreamSocket;
  /** True once the response has finished: the rest of the body is then dropped. */
  readonly isFinished: boolean;
  /** True while the body calls back. Set here. */
  isWaiting: boolean;
  /** Called when a listener throws. */
  fail(error: unknown): void;
  /** Called when the body has ended, or the rest of it has been dropped. */
  handleRequestEnd(): void;
}

/** Undocumented members that Node's own server uses. */
export interface Incoming extends IncomingMessage {
  _consuming: boolean;
  _dump(): void;
  _addHeaderLines(lines: string[], count: number): void;
  _dumped: boolean;
  _readableState: {
    readingMore: boolean;
    readonly resumeScheduled: boolean;
    endEmitted: boolean;
    destroyed: boolean;
    closed: boolean;
    closeEmitted: boolean;
  };
  [OWNER]: RequestOwner;
}

export type OwnRequestClass = new (socket: never) => Incoming;

/** A class whose instances are created with the overrides, which is much cheaper than adding them. */
export function ownRequestClass(Class: RequestClass): OwnRequestClass {
  const Own = class extends (Class as OwnRequestClass) {
    override [OWNER] = undefined as never;
    override _read = read;
    override emit = emit;
  };
  // Instances name the given class as theirs.
  delete (Own.prototype as { constructor?: unknown }).constructor;
  return Own;
}

export function createRequest(
  Class: OwnRequestClass,
  owner: RequestOwner,
  joinDuplicateHeaders: boolean | undefined,
): Incoming {
  const { exchange, socket } = owner;
  const request = new Class(socket as never);
  const { http1, protocol } = exchange;
  if (protocol !== "http/1.1") setVersion(request, protocol === "h3" ? "3.0" : "2.0", protocol === "h3" ? 3 : 2, 0);
  else if (http1?.version === "1.0") setVersion(request, "1.0", 1, 0);
  else setVersion(request, "1.1", 1, 1);
  const isExtended = http1 === undefined && exchange.tunnelOffer?.protocol !== undefined;
  request.method = isExtended ? "GET" : exchange.method;
  request.url = http1?.target ?? (exchange.path === "" ? exchange.authority : exchange.path);
  if (joinDuplicateHeaders) Object.assign(request, { joinDuplicateHeaders });
  const lines = http1 === undefined ? linesOf(exchange) : (http1.rawHeaders as string[]);
  request._addHeaderLines(lines, lines.length);
  request[OWNER] = owner;
  return request;
}

function setVersion(request: Incoming, version: string, major: number, minor: number): void {
  request.httpVersionMajor = major;
  request.httpVersionMinor = minor;
  request.httpVersion = version;
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
  const owner = request[OWNER];
  const { exchange, socket } = owner;
  const { body } = exchange;
  if (request.complete) return;
  for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
    socket.bytesRead += chunk.byteLength;
    socket.touch();
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (!request.push(bytes)) return;
  }
  if (body.state === "aborted") {
    if (exchange.readsOn === true) socket.destroy();
    else if (owner.isFinished) completeRequest(request);
  } else if (body.state === "ended") completeRequest(request);
  else if (!owner.isWaiting) {
    owner.isWaiting = true;
    body.onReadable = within(captureScope(), () => pump(request));
  }
}

/** Ends the request, unless the client has aborted it. */
export function completeRequest(request: Incoming): void {
  const owner = request[OWNER];
  const { exchange } = owner;
  if (request.complete || exchange.aborted !== undefined) return;
  request.complete = true;
  const { http1, body } = exchange;
  const lines = (http1?.rawTrailers as string[] | undefined) ?? body.trailers.flat();
  if (lines.length > 0) request._addHeaderLines(lines, lines.length);
  request.push(null);
  owner.handleRequestEnd();
}

/** Call when the response has finished: drops what was never read, so that the request ends. */
export function dumpRequest(request: Incoming): void {
  const state = request._readableState;
  if (request._consuming || state.resumeScheduled) return;
  if (!request.complete || ["end", "close", "error", "readable"].some((event) => request.listenerCount(event) > 0)) {
    request._dump();
    return;
  }
  // The same as `_dump`, which would only emit events that nobody hears.
  request._dumped = true;
  state.endEmitted = true;
  state.destroyed = true;
  state.closed = true;
  state.closeEmitted = true;
}

/** Catches exceptions from listeners, which fail only this request. */
function emit(this: Incoming, ...given: [never, ...never[]]): boolean {
  try {
    // The prototype's method may be a tracing tool's.
    return Object.getPrototypeOf(this).emit.apply(this, given);
  } catch (error) {
    this[OWNER].fail(error);
    return true;
  }
}
