/** One attempt to get a response from one origin: passes an exchange to a client session and back, with backpressure both ways. */

import { ClientError, NoExtendedConnectError } from "../../../host/client/errors.ts";
import { InformationalLimit } from "../../../host/client/limits.ts";
import { OriginBusyError, type OriginPool, type PoolWaiter } from "../../../host/client/origin-pool.ts";
import type {
  ClientExchange,
  ClientRequestHead,
  RequestContent,
  ResponseHandler,
  Session,
} from "../../../host/client/session.ts";
import { opensTunnel } from "../../../host/client/tunnel.ts";
import { type Fault, guard } from "../../../host/guard.ts";
import type { ServerExchange } from "../../../host/http/exchange.ts";
import { noLimit, Timer } from "../../../host/timer.ts";
import {
  contentLengthOf,
  type FieldLine,
  fieldValue,
  hasNoContent,
  isHandback,
  isWithoutLength,
} from "../../../http/index.ts";
import type { Priority } from "../../../http/priority/index.ts";
import { forwardResponseFields, forwardTrailers } from "../fields/response-fields.ts";
import type { TunnelRelay } from "../tunnel/relay.ts";
import type { Handback } from "./replayable-body.ts";
import type { OutgoingContent } from "./request-body.ts";

/** Why an attempt failed. */
export type FailureKind =
  /** All connections are in use. */
  | "busy"
  /** No connection could be made. */
  | "unreachable"
  /** The origin refused the request without acting on it. */
  | "unprocessed"
  /** The connection ended before the response. */
  | "lost"
  /** The origin took too long. */
  | "late"
  /** The origin answered something that is not HTTP, or not allowed. */
  | "invalid"
  /** The request itself, or the client, is to blame. */
  | "client"
  /** An exception in this proxy. */
  | "fault";

export interface AttemptFailure {
  readonly kind: FailureKind;
  readonly error: Error;
  /** True if the connection had carried requests before: the origin may have closed it for being idle. */
  readonly isReused: boolean;
}

export interface AttemptTimeouts {
  readonly waitTimeout: number;
  readonly requestBodyTimeout: number;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
}

/** Partial POST Replay, for a request with content. */
export interface AttemptReplay {
  /** The status of the response. */
  readonly status: number;
  /** Milliseconds between two chunks that come back. */
  readonly timeout: number;
  /** The origin hands the request back. Returns what takes its content, or why it cannot be replayed. */
  readonly onHandback: (fields: readonly FieldLine[]) => Handback | string;
  /** What was sent has not come back: the request is lost. */
  readonly onLost: (error: Error) => void;
  /** Everything came back, and the origin is done. */
  readonly onReturned: () => void;
}

export interface AttemptParts {
  readonly exchange: ServerExchange;
  readonly pool: OriginPool;
  /** What the connection begins with. */
  readonly preface: Uint8Array | undefined;
  readonly head: ClientRequestHead;
  /** The content, with its length if that is known. */
  readonly content: { readonly body: OutgoingContent; readonly length: number | undefined } | undefined;
  /** How an origin hands a request back, if it is trusted to do that. */
  readonly replay: AttemptReplay | undefined;
  /** If the client asks for a tunnel. */
  readonly relay: TunnelRelay | undefined;
  readonly timeouts: AttemptTimeouts;
  readonly onFault: (fault: Fault) => void;
  /** The response's head has arrived, and is on its way to the client. */
  readonly onResponse: (status: number) => void;
  /** The tunnel is open. `onDone` follows when it has ended. */
  readonly onTunnel: () => void;
  /** The response is complete. */
  readonly onDone: () => void;
  /** Called at most once, and not after `onDone` or `cancel`. */
  readonly onFailure: (failure: AttemptFailure) => void;
}

/** RFC 9110 §15: larger numbers are invalid, even with three digits. */
const MAX_STATUS = 599;

export class Attempt implements PoolWaiter, ResponseHandler {
  readonly #parts: AttemptParts;
  readonly #informational = new InformationalLimit();
  #upstream: ClientExchange | undefined;
  #timer: Timer | undefined;
  #onTimeout: () => void = () => {};
  #isHttp1 = true;
  #reused = false;
  #isPaused = false;
  #isOpen = false;
  #handback: Handback | undefined;
  #finished = false;

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  get preface(): Uint8Array | undefined {
    return this.#parts.preface;
  }

  begin(): void {
    const { pool, timeouts } = this.#parts;
    pool.enqueue(this);
    if (this.#upstream !== undefined || this.#finished) return;
    // Dialling has its own limit, which ends before this one.
    this.#arm(timeouts.waitTimeout, () => this.#end("busy", new OriginBusyError()));
  }

  /** The client has gone, or too much time has passed. */
  cancel(reason: Error): void {
    if (this.#finish()) this.#leave(reason);
  }

  /** The client has changed the priority of the response. */
  reprioritize(priority: Priority): void {
    this.#upstream?.reprioritize?.(priority);
  }

  /** The client has room for more of the response. */
  resume(): void {
    if (this.#finished || !this.#isPaused) return;
    this.#isPaused = false;
    this.#armBody();
    this.#upstream?.resume();
  }

  // ---- PoolWaiter

  start(session: Session, reused: boolean): void {
    const { head, content, relay, timeouts } = this.#parts;
    this.#reused = reused;
    this.#isHttp1 = session.protocol === "http/1.1";
    if (content === undefined) this.#armHead();
    else {
      content.body.onProgress = () => this.#timer?.refresh();
      this.#arm(timeouts.requestBodyTimeout, () => this.#handleStalledBody(content.body));
    }
    const fields = relay === undefined ? head.fields : relay.requestFields(head.fields, session.protocol);
    const upstream = session.request({ ...head, fields }, this.#contentToSend(), this);
    if (this.#finished) upstream.reset(new Error("the exchange has ended"));
    else this.#upstream = upstream;
  }

  #contentToSend(): RequestContent | undefined {
    const { content, relay } = this.#parts;
    if (relay !== undefined) return { length: undefined, chunks: relay.content };
    if (content === undefined) return undefined;
    const { body, length } = content;
    return { length, chunks: body.open(), trailers: () => forwardTrailers(body.trailers) };
  }

  fail(error: Error): void {
    this.#end(error instanceof OriginBusyError ? "busy" : "unreachable", error);
  }

  // ---- ResponseHandler

  onRequestSent(): void {
    const { content, exchange } = this.#parts;
    if (this.#handback !== undefined) return;
    if (content !== undefined && !this.#finished && exchange.status === undefined) this.#armHead();
  }

  onInformational(status: number, fields: readonly FieldLine[]): void {
    if (this.#finished) return;
    if (!this.#informational.take(fields)) {
      this.#end("invalid", new ClientError("PROTOCOL_ERROR", "the origin sent too many informational responses"));
      return;
    }
    this.#timer?.refresh();
    // This proxy sends its own 100 to a client that waits for one, so a 100 from the origin is dropped.
    if (status !== 100) this.#parts.exchange.inform(status, forwardResponseFields(fields));
  }

  onHead(status: number, raw: readonly FieldLine[], reason: string): void {
    if (this.#finished) return;
    const { replay } = this.#parts;
    if (isHandback({ status, reason, fields: raw }, replay?.status)) {
      this.#beginHandback(raw);
      return;
    }
    if (status > MAX_STATUS) {
      // RFC 9110 §15: treated as a server error. Node's HTTP/2 could not even send it.
      this.#end("invalid", new ClientError("PROTOCOL_ERROR", `the status ${status} is invalid`));
      return;
    }
    const { exchange, content, relay, onResponse } = this.#parts;
    if (relay !== undefined && opensTunnel(status)) {
      this.#open(relay, status, raw);
      return;
    }
    relay?.refuse();
    const withoutLength = isWithoutLength(status);
    // A gRPC response that consists of trailers only must stay a single header section.
    const bodiless = withoutLength || hasNoContent(exchange.method, status) || this.#isTrailersOnly(raw);
    // In HTTP/1.1, only chunked messages can have trailers (RFC 9112 §7.1.2).
    const trailers = !this.#isHttp1 || raw.some(([name]) => name === "transfer-encoding");
    const forwarded = forwardResponseFields(raw);
    const fields = withoutLength ? forwarded.filter(([name]) => name !== "content-length") : forwarded;
    content?.body.forget();
    onResponse(status);
    exchange.respond(status, bodiless ? fields.filter(([name]) => name !== "trailer") : fields, {
      endStream: bodiless,
      trailers,
    });
    if (bodiless) this.#finishBodiless(status, raw);
    else if (exchange.hasRoom()) this.#armBody();
    else this.#pause();
  }

  /** draft-frindell-httpbis-partial-post-replay-00 §3.2: never the client's response. */
  #beginHandback(fields: readonly FieldLine[]): void {
    const { replay } = this.#parts;
    const handback =
      replay === undefined ? "the origin is not trusted to hand requests back" : replay.onHandback(fields);
    if (replay === undefined || typeof handback === "string") {
      this.#end("invalid", new ClientError("PROTOCOL_ERROR", `a request that was handed back: ${handback}`));
      return;
    }
    this.#handback = handback;
    this.#arm(replay.timeout, () => this.#end("late", late(`handed nothing back within ${replay.timeout / 1000} s`)));
  }

  #takeBack(handback: Handback, chunk: Uint8Array): void {
    const hasRoom = handback.take(chunk, () => {
      if (!this.#finished) this.#upstream?.resume();
    });
    if (handback.isBroken) this.#end("invalid", new ClientError("PROTOCOL_ERROR", handback.problem!));
    else if (!hasRoom) this.#upstream?.pause();
  }

  /** The origin's response has ended, in order or not. */
  #endHandback(handback: Handback): void {
    if (handback.problem === undefined) {
      if (this.#finish()) this.#parts.replay!.onReturned();
    } else this.#end("invalid", new ClientError("PROTOCOL_ERROR", handback.problem));
  }

  #open(relay: TunnelRelay, status: number, raw: readonly FieldLine[]): void {
    const problem = relay.problemOf(raw);
    if (problem !== undefined) {
      this.#end("invalid", problem);
      return;
    }
    const { onResponse, onTunnel, onDone } = this.#parts;
    this.#isOpen = true;
    this.#finish();
    onResponse(status);
    onTunnel();
    relay.open(raw, this.#upstream!, onDone);
  }

  #isTrailersOnly(fields: readonly FieldLine[]): boolean {
    return !this.#isHttp1 && fieldValue(fields, "grpc-status") !== undefined;
  }

  #finishBodiless(status: number, raw: readonly FieldLine[]): void {
    this.#finish();
    // HTTP/1.1 does not rule out content after a 205 (RFC 9112 §6.3), which could be endless.
    const isEmpty = contentLengthOf(raw) === 0;
    if (status === 205 && !isEmpty) this.#upstream?.reset(new Error("the 205 had content"));
    this.#parts.onDone();
  }

  onData(chunk: Uint8Array): void {
    if (this.#isOpen) this.#parts.relay!.data(chunk);
    if (this.#finished) return;
    this.#timer?.refresh();
    if (this.#handback !== undefined) this.#takeBack(this.#handback, chunk);
    else if (!this.#parts.exchange.write(chunk)) this.#pause();
  }

  onEnd(trailers: readonly FieldLine[]): void {
    if (this.#isOpen) this.#parts.relay!.end();
    if (this.#handback !== undefined) {
      this.#endHandback(this.#handback);
      return;
    }
    if (!this.#finish()) return;
    this.#parts.exchange.end(undefined, forwardTrailers(trailers));
    this.#parts.onDone();
  }

  onError(error: Error, unprocessed: boolean): void {
    if (this.#isOpen) this.#parts.relay!.fail(error);
    this.#upstream = undefined;
    // A server may abort a request that is shorter than announced, once all is back.
    if (this.#handback?.isComplete === true) this.#endHandback(this.#handback);
    else this.#end(kindOf(error, unprocessed), error);
  }

  // ----

  #pause(): void {
    this.#isPaused = true;
    this.#timer?.clear(); // a slow client is not the origin's fault
    this.#upstream?.pause();
  }

  #armHead(): void {
    const { headersTimeout } = this.#parts.timeouts;
    this.#arm(headersTimeout, () => this.#end("late", late(`received nothing within ${headersTimeout / 1000} s`)));
  }

  #armBody(): void {
    const { bodyTimeout } = this.#parts.timeouts;
    this.#arm(bodyTimeout, () => this.#end("late", late(`received nothing within ${bodyTimeout / 1000} s`)));
  }

  #handleStalledBody(body: OutgoingContent): void {
    const seconds = this.#parts.timeouts.requestBodyTimeout / 1000;
    if (body.isWaiting) this.#end("client", new RequestStalledError(seconds));
    else this.#end("late", late(`the origin read nothing of the request within ${seconds} s`));
  }

  #arm(milliseconds: number, onTimeout: () => void): void {
    this.#timer?.clear();
    this.#onTimeout = onTimeout;
    this.#timer = new Timer(
      guard("proxy timeout", this.#handleFault, () => this.#onTimeout()),
      noLimit(milliseconds),
    );
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#parts.onFault(fault);
    this.#end("fault", fault.error);
  };

  #end(kind: FailureKind, error: Error): void {
    if (!this.#finish()) return;
    this.#leave(error);
    if (this.#handback !== undefined) {
      this.#parts.replay!.onLost(error);
      return;
    }
    this.#parts.onFailure({ kind, error, isReused: this.#reused });
  }

  #leave(reason: Error): void {
    this.#parts.pool.withdraw(this);
    this.#upstream?.reset(reason);
    // The content of a request that was handed back belongs to the next attempt.
    if (this.#handback === undefined) this.#parts.content?.body.close();
    this.#parts.relay?.content.destroy();
  }

  #finish(): boolean {
    if (this.#finished) return false;
    this.#finished = true;
    this.#timer?.clear();
    return true;
  }
}

/** The client sends nothing of its request's content. */
export class RequestStalledError extends Error {
  constructor(seconds: number) {
    super(`the client sent nothing of its request within ${seconds} s`);
  }
}

const late = (message: string): ClientError => new ClientError("RESPONSE_TIMEOUT", message);

function kindOf(error: Error, unprocessed: boolean): FailureKind {
  const code = error instanceof ClientError ? error.code : undefined;
  if (code === "REQUEST_INVALID" || code === "REQUEST_BODY_FAILED") return "client";
  // Another attempt would not help.
  if (error instanceof NoExtendedConnectError) return "invalid";
  if (unprocessed) return "unprocessed";
  return code === "CONNECTION_LOST" ? "lost" : "invalid";
}
