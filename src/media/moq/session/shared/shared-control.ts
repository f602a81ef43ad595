/**
 * The control plane up to draft 16: one bidirectional stream for setup, requests and answers, which name what they belong to. The
 * application sees the messages and ends of later drafts.
 */

import { ControlReader } from "../../control-reader.ts";
import { versionOf } from "../../draft.ts";
import { moqError, REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS, violation } from "../../errors.ts";
import type { ControlMessage, NamespaceCancelMessage, NamespaceEndMessage, SetupMessage } from "../../messages.ts";
import { absoluteFilter } from "../../selection.ts";
import type { StreamId } from "../carrier.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { SessionCore } from "../core.ts";
import type { EndReason, RequestMessage } from "../events.ts";
import type { NewRequest } from "../options.ts";
import { checkFollowing, isRequest, newRequest, type Request } from "../requests.ts";
import { CONTROL_ORDER } from "../send-order.ts";
import { endOf } from "./cancellations.ts";
import { NamespaceStreams } from "./namespace-streams.ts";
import { namespaceKey, OldNamespaces } from "./old-namespaces.ts";
import { Outbox } from "./outbox.ts";
import { RequestWindow } from "./request-window.ts";
import { answerOf, kindOf, namespaceOf, sayRequest, toModel } from "./translate.ts";

const CANCELLED = STREAM_ERRORS.CANCELLED.code;
const FINISHED: EndReason = { type: "finished" };

export class SharedControl implements ControlPlane {
  readonly #core: SessionCore;
  readonly #window: RequestWindow;
  readonly #outbox: Outbox;
  readonly #streams: NamespaceStreams;
  readonly #old = new OldNamespaces();
  /** Updates of ours without an answer. */
  readonly #updates = new Map<number, Request>();
  /** Updates of the peer without an answer, in order. */
  readonly #theirUpdates = new Map<Request, number[]>();
  #control: StreamId | undefined;
  #reader: ControlReader | undefined;

  constructor(core: SessionCore) {
    this.#core = core;
    this.#window = new RequestWindow(core.maxRequests);
    this.#outbox = new Outbox((limit) => this.#write({ type: "requests-blocked", requestId: limit }));
    this.#streams = new NamespaceStreams(core, {
      begin: (stream, message, reader, fin) => this.#beginControl(stream, message, reader, fin),
      accept: (message, stream) => this.#handleRequest(message, stream),
      follow: (request, message) => this.#handleNamespaceMessage(request, message),
      ended: (request, code) => this.#finish(request, code === undefined ? FINISHED : { type: "cancelled", code }),
    });
  }

  get isReady(): boolean {
    return this.#core.hasSetup;
  }

  get #isOldest(): boolean {
    return this.#core.codec.dialect.has("hasSeparateAnswers");
  }

  start(): void {
    const { codec, options, carrier } = this.#core;
    if (options.role === "server") return;
    this.#control = carrier.openStream("bidi");
    if (this.#control === undefined)
      throw new RangeError("no stream for CLIENT_SETUP: open the session when one is available");
    this.#reader = new ControlReader(codec);
    carrier.setOrder?.(this.#control, CONTROL_ORDER);
    this.#write({ type: "client-setup", versions: [versionOf(codec.draft)], options: this.#setup() });
  }

  #setup() {
    return { ...this.#core.options.setup, maxRequestId: this.#window.initial };
  }

  #write(message: ControlMessage): void {
    this.#core.write(this.#control!, message);
  }

  // ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  request(message: NewRequest): number | undefined {
    if (this.#outbox.isFull) return undefined;
    const { dialect } = this.#core.codec;
    const isOnStream =
      (message.type === "subscribe-namespace" || message.type === "subscribe-tracks") &&
      !dialect.has("hasNamespacesOnControlStream");
    const stream = isOnStream ? this.#core.carrier.openStream("bidi") : undefined;
    if (isOnStream && stream === undefined) return undefined;
    const whole = { ...message, requestId: this.#core.ids.take() } as RequestMessage;
    const request = newRequest(whole, true);
    this.#core.add(request);
    if (stream !== undefined) this.#streams.add(request, stream);
    this.#outbox.pushRequest(request.id, request.id, () => {
      const said = sayRequest(whole, dialect);
      if (stream === undefined) this.#write(said);
      else this.#streams.write(request, said, false);
    });
    return request.id;
  }

  send(request: Request, message: ControlMessage, fin: boolean): void {
    switch (message.type) {
      case "request-update":
        checkFollowing(request, message, request.isOurs);
        this.#update(request, message.parameters);
        return;
      case "namespace":
      case "namespace-done":
        checkFollowing(request, message, request.isOurs);
        this.#tellNamespace(request, message, fin);
        return;
      case "publish-skipped":
      case "publish-state-notify":
        // These drafts cannot say it.
        return;
      default:
    }
    const isAnswer = checkFollowing(request, message, request.isOurs);
    if (!isAnswer && (message.type === "request-ok" || message.type === "request-error")) {
      this.#answerUpdate(request, message);
      return;
    }
    if (isAnswer) request.isAnswered = true;
    const said = answerOf(request, message, this.#core.codec.dialect);
    const isRefused = message.type === "request-error";
    if (this.#isOnStream(request)) this.#streams.write(request, said, isRefused);
    else this.#outbox.push(request.id, () => this.#write(said));
    const isOver = isRefused || message.type === "publish-done" || (isAnswer && request.type === "track-status");
    if (isOver) this.#finish(request, FINISHED);
  }

  #update(request: Request, parameters: RequestMessage["parameters"]): void {
    const requestId = this.#core.ids.take();
    const { dialect } = this.#core.codec;
    this.#core.update(request, parameters);
    const isBare = dialect.has("hasBareUpdates");
    // Bounds are absolute in it, and may only be narrowed.
    const filter = absoluteFilter(request.parameters.filter, request.largest);
    const said = isBare ? { ...request.parameters, filter } : parameters;
    if (!isBare) this.#updates.set(requestId, request);
    this.#outbox.pushRequest(request.id, requestId, () =>
      this.#write({ type: "request-update", requestId, existingRequestId: request.id, parameters: said }),
    );
    // Nobody answers it: it is accepted.
    if (isBare) this.#core.tell(request, { type: "request-ok", parameters: {} });
  }

  #answerUpdate(request: Request, message: ControlMessage): void {
    const requestId = this.#theirUpdates.get(request)?.shift();
    if (requestId === undefined) return;
    this.#outbox.push(request.id, () => this.#write({ ...message, requestId } as ControlMessage));
    this.#release();
  }

  #tellNamespace(
    request: Request,
    message: Extract<ControlMessage, { type: "namespace" | "namespace-done" }>,
    fin: boolean,
  ): void {
    if (!this.#core.codec.dialect.has("hasNamespacesOnControlStream")) {
      this.#streams.write(request, message, fin);
    } else if (message.type === "namespace") {
      const told = this.#old.tell(request, message.suffix, () => this.#core.ids.take());
      if (told === undefined) return;
      const { id: requestId, namespace } = told;
      this.#outbox.pushRequest(requestId, requestId, () =>
        this.#write({ type: "publish-namespace", requestId, namespace, parameters: {} }),
      );
    } else {
      const namespace = this.#old.withdraw(request, message.suffix);
      // After the ones that wait.
      if (namespace !== undefined)
        this.#outbox.pushRequest(request.id, -1, () => this.#write({ type: "publish-namespace-done", namespace }));
    }
  }

  cancel(request: Request, code: number): void {
    if (this.#isOnStream(request)) {
      this.#streams.cancel(request, code);
    } else {
      const message = endOf(request, code, this.#core.codec.dialect);
      if (message !== undefined) this.#outbox.push(request.id, () => this.#write(message));
    }
    this.#finish(request, undefined);
  }

  goaway(uri: string): void {
    this.#write({ type: "goaway", uri });
  }

  handleFetchSent(request: Request): void {
    request.isDataDone = true;
    if (request.isAnswered) this.#finish(request, FINISHED);
  }

  handleFetchEnd(request: Request): void {
    request.isDataDone = true;
    if (request.isAccepted) this.#finish(request, FINISHED);
  }

  // ── The peer's streams ────────────────────────────────────────────────────────────────────────────────────────────

  handleStream(stream: StreamId): void {
    this.#streams.open(stream);
  }

  handleUni(): boolean {
    return false;
  }

  handleReset(stream: StreamId, code: number): boolean {
    if (stream === this.#control) throw violation("control stream", "it was reset");
    return this.#streams.handleEnd(stream, code);
  }

  handleStopped(stream: StreamId, code: number): boolean {
    if (stream === this.#control) throw violation("control stream", "the peer stopped it");
    return this.#streams.handleEnd(stream, code);
  }

  handleBidi(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    if (stream !== this.#control) {
      this.#streams.handle(stream, bytes, fin);
      return;
    }
    this.#reader!.push(bytes);
    this.#drain(fin);
  }

  #beginControl(stream: StreamId, message: ControlMessage, reader: ControlReader, fin: boolean): void {
    if (message.type !== "client-setup" || this.#control !== undefined)
      throw violation("bidirectional stream", `it begins with ${message.type}`);
    this.#control = stream;
    this.#reader = reader;
    this.#core.carrier.setOrder?.(stream, CONTROL_ORDER);
    this.#handle(message);
    this.#drain(fin);
  }

  #drain(fin: boolean): void {
    const reader = this.#reader!;
    for (let message = reader.poll(); message !== undefined && !this.#core.isClosed; message = reader.poll())
      this.#handle(message);
    if (fin) throw violation("control stream", "it was closed");
  }

  #handle(message: ControlMessage): void {
    const isSetup = message.type === "client-setup" || message.type === "server-setup";
    if (isSetup === this.#core.hasSetup) throw violation("control stream", `an unexpected ${message.type}`);
    switch (message.type) {
      case "client-setup":
      case "server-setup":
        this.#handleSetup(message);
        break;
      case "goaway":
        this.#core.handleGoaway(message);
        break;
      case "max-request-id":
        this.#outbox.raise(message.requestId);
        break;
      case "requests-blocked":
        this.#raise(this.#window.unblock());
        break;
      case "request-update":
        this.#handleUpdate(message);
        break;
      case "unsubscribe":
        this.#handleCancelled(message.requestId, ["subscribe"], ["publish"]);
        break;
      case "fetch-cancel":
        this.#handleCancelled(message.requestId, ["fetch"], []);
        break;
      case "publish-done":
        this.#handleDone(message);
        break;
      case "publish-namespace-done":
      case "publish-namespace-cancel":
      case "unsubscribe-namespace":
        this.#handleNamespaceEnd(message);
        break;
      default:
        if (!isRequest(message)) this.#handleAnswer(message);
        else if (message.type !== "subscribe-namespace" || this.#isOldest) this.#handleRequest(message, undefined);
        else throw violation("control stream", `an unexpected ${message.type}`);
    }
  }

  #handleSetup({ type, versions, options }: SetupMessage): void {
    const { role } = this.#core.options;
    if (type !== (role === "client" ? "server-setup" : "client-setup"))
      throw violation("control stream", `${type} from the peer`);
    const version = versionOf(this.#core.codec.draft);
    if (versions !== undefined && !versions.includes(version))
      throw moqError(SESSION_ERRORS.VERSION_NEGOTIATION_FAILED, type, `no version in common among ${versions.join()}`);
    if (role === "server") this.#write({ type: "server-setup", versions: [version], options: this.#setup() });
    this.#core.handleSetup(options);
    this.#outbox.raise(options.maxRequestId ?? 0);
    this.#streams.handleSetup();
  }

  /** Undefined if it was refused. */
  #handleRequest(message: RequestMessage, stream: StreamId | undefined): Request | undefined {
    const core = this.#core;
    const { requestId } = message;
    this.#window.check(requestId);
    core.ids.accept(requestId);
    const tokens = core.tokens.resolve(message.parameters.tokens);
    const model = toModel(message);
    const request = newRequest(model, false);
    if (this.#isOldest && message.type === "publish-namespace") {
      const heard = this.#old.hear(message.namespace, core.requests.values());
      if (heard !== undefined) {
        this.#write(answerOf(request, { type: "request-ok", parameters: {} }, core.codec.dialect));
        core.tell(heard.request, { type: "namespace", suffix: heard.suffix });
        this.#release();
        return undefined;
      }
    }
    const refusal = core.refusal();
    if (refusal !== undefined) {
      const { code, sentence: reason } = refusal;
      const said = answerOf(request, { type: "request-error", code, reason }, core.codec.dialect);
      if (stream === undefined) this.#write(said);
      else core.write(stream, said, true);
      this.#release();
      return undefined;
    }
    core.accept(request, model, tokens);
    return request;
  }

  #handleUpdate(message: Extract<ControlMessage, { type: "request-update" }>): void {
    const core = this.#core;
    const { requestId, existingRequestId = requestId, parameters } = message;
    this.#window.check(requestId);
    core.ids.accept(requestId);
    core.tokens.resolve(parameters.tokens);
    const request = core.requests.get(existingRequestId);
    if (request === undefined) {
      this.#checkOver(existingRequestId, message.type);
      const { code, sentence: reason } = REQUEST_ERRORS.DOES_NOT_EXIST;
      if (!this.#isOldest) this.#write({ type: "request-error", requestId, code, reason });
      this.#release();
      return;
    }
    checkFollowing(request, message, !request.isOurs);
    this.#core.update(request, parameters);
    if (this.#isOldest) this.#release();
    else this.#theirUpdates.set(request, [...(this.#theirUpdates.get(request) ?? []), requestId]);
    core.tell(request, message);
  }

  #handleAnswer(message: ControlMessage): void {
    const id = "requestId" in message ? message.requestId : undefined;
    if (id === undefined) throw violation("control stream", `an unexpected ${message.type}`);
    const of = "of" in message ? message.of : undefined;
    const model = toModel(message);
    const updated = this.#updates.get(id);
    if (updated !== undefined) {
      this.#updates.delete(id);
      if (this.#core.requests.has(updated.id)) this.#core.tell(updated, model);
      return;
    }
    if (this.#old.takeAnswer(id, message.type === "request-error")) return;
    const request = this.#core.requests.get(id);
    if (request?.isOurs !== true) {
      this.#checkOver(id, message.type);
      return;
    }
    const isWrong = of !== undefined && of !== kindOf(request.type);
    if (isWrong || request.isAnswered || !checkFollowing(request, model, false))
      throw violation(`${request.type} ${id}`, `an unexpected ${message.type}`);
    this.#answered(request, model);
  }

  #answered(request: Request, message: ControlMessage): void {
    request.isAnswered = true;
    request.isAccepted = message.type !== "request-error";
    this.#core.tell(request, message);
    const isOver =
      !request.isAccepted || request.type === "track-status" || (request.type === "fetch" && request.isDataDone);
    if (isOver) this.#finish(request, FINISHED);
  }

  /** On the stream of a SUBSCRIBE_NAMESPACE, from draft 16 on. */
  #handleNamespaceMessage(request: Request, message: ControlMessage): void {
    if (message.type === "request-update") {
      this.#handleUpdate(message);
      return;
    }
    if (checkFollowing(request, message, !request.isOurs)) this.#answered(request, message);
    else this.#core.tell(request, message);
  }

  #handleCancelled(id: number, theirs: readonly string[], ours: readonly string[]): void {
    const request = this.#core.requests.get(id);
    if (request === undefined) this.#checkOver(id, "a cancellation");
    else if (!(request.isOurs ? ours : theirs).includes(request.type))
      throw violation(`${request.type} ${id}`, "a cancellation of another kind of request");
    else this.#finish(request, { type: "cancelled", code: CANCELLED });
  }

  #handleDone(message: Extract<ControlMessage, { type: "publish-done" }>): void {
    const request = this.#core.requests.get(message.requestId!);
    if (request === undefined) {
      this.#checkOver(message.requestId!, message.type);
      return;
    }
    checkFollowing(request, message, !request.isOurs);
    this.#core.tell(request, message);
    this.#core.waitForStreams(request, message.streamCount, () => this.#finish(request, FINISHED));
  }

  #handleNamespaceEnd(message: NamespaceEndMessage | NamespaceCancelMessage): void {
    const isCancel = message.type === "publish-namespace-cancel";
    const { namespace, requestId } = message;
    if (namespace !== undefined) {
      if (isCancel && this.#old.cancel(namespace)) return;
      const heard = message.type === "publish-namespace-done" ? this.#old.forgetHeard(namespace) : undefined;
      if (heard !== undefined) {
        this.#core.tell(heard.request, { type: "namespace-done", suffix: heard.suffix });
        return;
      }
    }
    const type = message.type === "unsubscribe-namespace" ? "subscribe-namespace" : "publish-namespace";
    const key = namespace === undefined ? undefined : namespaceKey(namespace);
    const request = [...this.#core.requests.values()].find(
      (each) =>
        each.type === type &&
        each.isOurs === isCancel &&
        (key === undefined ? each.id === requestId : namespaceKey(namespaceOf(each)) === key),
    );
    // It may have ended just now.
    if (request === undefined) return;
    this.#finish(request, { type: "cancelled", code: isCancel ? message.code : CANCELLED });
  }

  /** Messages may cross the end of a request; those about requests that never were are a violation. */
  #checkOver(id: number, what: string): void {
    if (!this.#core.ids.wasUsed(id)) throw violation("control stream", `${what} for request ${id}, which never was`);
  }

  // ── Ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #isOnStream({ type }: Request): boolean {
    const { dialect } = this.#core.codec;
    return (
      (type === "subscribe-namespace" || type === "subscribe-tracks") && !dialect.has("hasNamespacesOnControlStream")
    );
  }

  #finish(request: Request, reason: EndReason | undefined): void {
    if (!this.#core.requests.has(request.id)) return;
    this.#streams.forget(request);
    this.#old.forget(request);
    this.#core.forget(request, reason);
    for (let left = this.#theirUpdates.get(request)?.length ?? 0; left > 0; left -= 1) this.#release();
    this.#theirUpdates.delete(request);
    if (!request.isOurs) this.#release();
  }

  #release(): void {
    this.#raise(this.#window.release());
  }

  #raise(limit: number | undefined): void {
    if (limit !== undefined && !this.#core.isClosed) this.#write({ type: "max-request-id", requestId: limit });
  }

  clear(): void {
    this.#streams.clear();
    this.#updates.clear();
    this.#theirUpdates.clear();
  }
}
