/**
 * One connection to a backend, without a socket: connects, checks the peer with `version`, sends requests in a pipeline,
 * matches responses in order, and decides after a failure when to try again.
 *
 * Calling order: the host acts on takeCommand(), reports with handleConnected(), handleData() and handleFailure(), writes
 * what takeOutput() returns, and calls handleTimeout() at nextTimeout(). Any error ends the connection, and with it all
 * requests that wait: nothing tells which responses would still come.
 */

import { Fifo } from "../../base/fifo.ts";
import { after, type Instant, type Micros, since } from "../../base/time.ts";
import { COMMANDS } from "../protocol/command.ts";
import { ERRORS } from "../protocol/errors.ts";
import { MAX_KEY } from "../protocol/limits.ts";
import { Output } from "../protocol/output.ts";
import { isRepeatable, nextSpace, parseRequestText, type Request, skipSpaces } from "../protocol/request.ts";
import { BACKEND_FAILURE, CODES, ownResponse, type ReadFailure, ResponseReader } from "../protocol/response.ts";
import type { ResponseSink } from "../route/route.ts";
import type { BackendOptions } from "./options.ts";

/** Reasons as `watch proxyevents` names them. */
export type FailureReason =
  | ReadFailure
  | "timeout"
  | "disconnected"
  | "connecting"
  | "conntimeout"
  | "readvalidate"
  | "badvalidate"
  | "writing"
  | "reading"
  | "closedsock"
  | "trailingdata"
  | "invalidprotocol";

export type ConnectionState = "idle" | "connecting" | "validating" | "ready" | "waiting";

/** Tells the proxy what happened, for statistics and events. */
export interface ConnectionObserver {
  /** `unread` is what had come and was not understood. */
  backendFailed(options: BackendOptions, reason: FailureReason, depth: number, unread: string): void;
  backendMarkedBad(options: BackendOptions, reason: "markedbad" | "markedbadflap", retryAfter: Micros): void;
  backendRecovered(options: BackendOptions): void;
  requestsOverDepth(count: number): void;
  /** Output, a command or a deadline may have changed. */
  connectionChanged(connection: BackendConnection): void;
}

interface Pending {
  readonly request: Request;
  readonly sink: ResponseSink;
  readonly tag: number;
  readonly isRetry: boolean;
}

const VERSION = parseRequestText("version")!;
const KEY_TOO_LONG = ownResponse("error", CODES.clientError, ERRORS.badLineFormat);
const NETWORK_FAILURES: ReadonlySet<FailureReason> = new Set(["timeout", "disconnected", "writing", "reading"]);
const RETRIED_FAILURES: ReadonlySet<FailureReason> = new Set(["disconnected", "writing", "reading", "closedsock"]);
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;

export class BackendConnection {
  readonly options: BackendOptions;
  readonly #observer: ConnectionObserver;
  readonly #reader: ResponseReader;
  readonly #output = new Output();
  #pending = new Fifo<Pending>();
  #state: ConnectionState = "idle";
  #command: "connect" | "close" | undefined;
  #deadline: Instant | undefined;
  #isBad = false;
  #failures = 0;
  #flaps = 0;
  #lastFailure: Instant | undefined;
  #isClosed = false;

  constructor(options: BackendOptions, maxValue: number, observer: ConnectionObserver) {
    this.options = options;
    this.#reader = new ResponseReader(maxValue);
    this.#observer = observer;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isBad(): boolean {
    return this.#isBad;
  }

  /** Requests that wait for a response. */
  get depth(): number {
    return this.#pending.size;
  }

  /** Of these, those that have been handed to the socket. */
  get underWay(): number {
    return this.#pending.size - this.#unsent;
  }

  get bytesToSend(): number {
    return this.#output.length;
  }

  nextTimeout(): Instant | undefined {
    return this.#deadline;
  }

  /** Connects, so that the first request need not wait. */
  open(now: Instant): void {
    if (this.#state === "idle" && !this.#isClosed && !this.options.down) this.#connect(now);
  }

  /** Ends the connection when its last response has come. */
  close(now: Instant): void {
    this.#isClosed = true;
    if (this.#pending.size === 0) this.#shut();
    else this.#change(now);
  }

  takeCommand(): "connect" | "close" | undefined {
    const command = this.#command;
    this.#command = undefined;
    return command;
  }

  send(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    if (request.keyEnd - request.keyStart > MAX_KEY) {
      // The backend would answer the same, and its pipeline would have to be given up.
      sink.handleResponse(KEY_TOO_LONG, tag, now);
      return;
    }
    if (this.#isBad || this.options.down || this.#isClosed) {
      sink.handleResponse(BACKEND_FAILURE, tag, now);
      return;
    }
    const { depthLimit } = this.options;
    if (depthLimit > 0 && this.#pending.size >= depthLimit) {
      this.#observer.requestsOverDepth(1);
      sink.handleResponse(BACKEND_FAILURE, tag, now);
      return;
    }
    if (this.#state === "idle") this.#connect(now);
    this.#append({ request, sink, tag, isRetry: false }, now);
  }

  handleConnected(now: Instant): void {
    if (this.#state !== "connecting") return;
    this.#state = "validating";
    this.#deadline = after(now, this.options.readTimeout);
    this.#observer.connectionChanged(this);
  }

  handleData(chunk: Uint8Array, now: Instant): void {
    if (this.#state === "validating") this.#validate(chunk, now);
    else if (this.#state === "ready") this.#readResponses(chunk, now);
  }

  /** The socket failed, or the peer closed it. */
  handleFailure(reason: FailureReason, now: Instant): void {
    if (this.#state !== "idle" && this.#state !== "waiting") this.#fail(reason, now);
  }

  handleTimeout(now: Instant): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    if (this.#state === "waiting") this.#connect(now);
    else if (this.#state === "connecting") this.#fail("conntimeout", now);
    else if (this.#state === "validating") this.#fail("readvalidate", now);
    else this.#fail("timeout", now);
  }

  /** Bytes for the socket. Requests leave when the backend has proved what it is. */
  takeOutput(): Uint8Array[] {
    if (this.#state === "ready") {
      this.#unsent = 0;
      return this.#output.take();
    }
    if (this.#state !== "validating" || this.#hasAskedVersion) return [];
    this.#hasAskedVersion = true;
    return [VERSION.bytes];
  }

  #hasAskedVersion = false;
  #unsent = 0;

  #connect(now: Instant): void {
    this.#state = "connecting";
    this.#hasAskedVersion = false;
    this.#reader.clear();
    this.#command = "connect";
    this.#deadline = after(now, this.options.connectTimeout);
    this.#observer.connectionChanged(this);
  }

  #append(pending: Pending, now: Instant): void {
    writeRequest(pending.request, this.#output);
    this.#pending.push(pending);
    this.#unsent += 1;
    if (this.#state === "ready" && this.#deadline === undefined) this.#deadline = after(now, this.options.readTimeout);
    this.#observer.connectionChanged(this);
  }

  #validate(chunk: Uint8Array, now: Instant): void {
    this.#reader.push(chunk);
    const response = this.#reader.next(VERSION);
    if (response === undefined) return;
    if (typeof response === "string") this.#fail("readvalidate", now);
    else if (!response.ok || this.#reader.hasBytes) this.#fail("badvalidate", now);
    else {
      this.#state = "ready";
      this.#failures = 0;
      if (this.#isBad) this.#observer.backendRecovered(this.options);
      this.#isBad = false;
      this.#change(now);
    }
  }

  #readResponses(chunk: Uint8Array, now: Instant): void {
    this.#reader.push(chunk);
    this.#deadline = undefined;
    for (;;) {
      const pending = this.#pending.first;
      if (pending === undefined) {
        if (this.#reader.hasBytes) this.#fail("trailingdata", now);
        break;
      }
      const response = this.#reader.next(pending.request);
      if (response === undefined) break;
      if (typeof response === "string") {
        this.#fail(response, now);
        return;
      }
      this.#pending.shift();
      pending.sink.handleResponse(response, pending.tag, now);
      if (this.#state !== "ready") return;
      // After a refused command, the backend may take its value for commands.
      const isDesynchronized = response.type === "error" && response.code !== CODES.serverError;
      if (isDesynchronized && pending.request.valueLength > 0) {
        this.#fail("invalidprotocol", now);
        return;
      }
    }
    if (this.#isClosed && this.#pending.size === 0) this.#shut();
    else if (this.#state === "ready") this.#change(now);
  }

  #change(now: Instant): void {
    if (this.#state === "ready") {
      this.#deadline = this.#pending.size > 0 ? after(now, this.options.readTimeout) : undefined;
    }
    this.#observer.connectionChanged(this);
  }

  #shut(): void {
    this.#state = "idle";
    this.#deadline = undefined;
    this.#command = "close";
    this.#observer.connectionChanged(this);
  }

  #fail(reason: FailureReason, now: Instant): void {
    const { options } = this;
    const wasReady = this.#state === "ready";
    const lost = this.#pending;
    this.#pending = new Fifo();
    this.#unsent = 0;
    this.#output.clear();
    if (!this.#isBad) this.#observer.backendFailed(options, reason, lost.size, this.#reader.preview());
    this.#reader.clear();
    this.#failures += 1;
    this.#countFlap(reason, now);
    this.#command = "close";
    this.#reschedule(now);
    const mayRetry = wasReady && options.retryReads && RETRIED_FAILURES.has(reason) && this.#state === "connecting";
    for (let pending = lost.shift(); pending !== undefined; pending = lost.shift()) {
      if (mayRetry && !pending.isRetry && isRepeatable(pending.request))
        this.#append({ ...pending, isRetry: true }, now);
      else pending.sink.handleResponse(BACKEND_FAILURE, pending.tag, now);
    }
    this.#observer.connectionChanged(this);
  }

  #countFlap(reason: FailureReason, now: Instant): void {
    const { flapTime } = this.options;
    if (flapTime === 0 || !NETWORK_FAILURES.has(reason)) return;
    if (this.#lastFailure !== undefined && since(this.#lastFailure, now) <= flapTime) this.#flaps += 1;
    else this.#flaps = 0;
    this.#lastFailure = now;
  }

  #reschedule(now: Instant): void {
    const { options } = this;
    const isFlapping = this.#flaps > options.failureLimit;
    if (this.#isClosed) {
      this.#state = "idle";
      this.#deadline = undefined;
    } else if (isFlapping || this.#failures > options.failureLimit) {
      const retryAfter = isFlapping
        ? Math.min(options.retryTimeout * options.flapBackoffRamp ** this.#flaps, options.flapBackoffMax)
        : options.retryTimeout;
      const wait = Math.floor(retryAfter) as Micros;
      if (!this.#isBad) this.#observer.backendMarkedBad(options, isFlapping ? "markedbadflap" : "markedbad", wait);
      this.#isBad = true;
      this.#state = "waiting";
      this.#deadline = after(now, wait);
    } else this.#connect(now);
  }
}

/**
 * Writes a request so that the backend answers in any case: a missing answer could not be told from a late one.
 * The client's wish for silence is kept in `request.quiet`.
 */
function writeRequest(request: Request, output: Output): void {
  const { bytes, start, end, lineEnd } = request;
  if (request.quiet === "meta") {
    writeWithoutQuietFlag(request, output);
  } else if (request.quiet === "noreply" && request.command === COMMANDS.delete) {
    // memcached refuses a delete with a word that it does not know.
    output.append(bytes, start, request.keyEnd);
    output.append(bytes, lineEnd, end);
  } else {
    output.append(bytes, start, lineEnd);
    if (request.quiet === "noreply") output.patch(trailingSpaces(bytes, lineEnd) + 1, 0x59); // "noreplY"
    output.append(bytes, lineEnd, end);
  }
  if (request.value !== undefined) output.append(request.value, 0, request.value.length);
}

function trailingSpaces(bytes: Uint8Array, lineEnd: number): number {
  let count = 0;
  while (bytes[lineEnd - 1 - count] === SPACE) count += 1;
  return count;
}

const Q = 0x71;

function writeWithoutQuietFlag({ bytes, start, lineEnd, keyEnd }: Request, output: Output): void {
  const line = bytes.slice(start, lineEnd + 2);
  line[lineEnd - start] = CR;
  line[lineEnd - start + 1] = LF;
  for (let at = skipSpaces(line, keyEnd - start, line.length - 2); at < line.length - 2; ) {
    if (line[at] === Q) line[at] = SPACE;
    at = skipSpaces(line, nextSpace(line, at, line.length - 2), line.length - 2);
  }
  output.append(line, 0, line.length);
}
