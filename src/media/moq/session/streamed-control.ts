/** The control plane since draft 18: SETUP and GOAWAY on a unidirectional stream of each side, and a bidirectional stream for each request. */

import { ControlReader } from "../control-reader.ts";
import { draftHas } from "../draft.ts";
import { STREAM_ERRORS, violation } from "../errors.ts";
import type { ControlMessage } from "../messages.ts";
import type { StreamId } from "./carrier.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { SessionCore } from "./core.ts";
import type { EndReason, RequestMessage } from "./events.ts";
import type { NewRequest } from "./options.ts";
import { checkFollowing, isRequest, newRequest, type Request } from "./requests.ts";
import { CONTROL_ORDER, REQUEST_ORDER } from "./send-order.ts";

/** A request on a stream of its own. */
interface Streamed {
  readonly request: Request;
  readonly stream: StreamId;
  readonly reader: ControlReader;
  /** True once our side of the stream is finished or reset, and the peer's. */
  isOurEndDone: boolean;
  isTheirEndDone: boolean;
}

const CANCELLED = STREAM_ERRORS.CANCELLED.code;

export class StreamedControl implements ControlPlane {
  readonly #core: SessionCore;
  readonly #byId = new Map<number, Streamed>();
  readonly #byStream = new Map<StreamId, Streamed>();
  /** Bidirectional streams of the peer without a message yet. */
  readonly #opening = new Map<StreamId, ControlReader>();
  #control: StreamId | undefined;
  #peerControl: { readonly stream: StreamId; readonly reader: ControlReader } | undefined;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  get isReady(): boolean {
    return this.#control !== undefined;
  }

  start(): void {
    this.#control = this.#core.carrier.openStream("uni");
    if (this.#control === undefined)
      throw new RangeError("no stream for SETUP: open the session when one is available");
    this.#core.carrier.setOrder?.(this.#control, CONTROL_ORDER);
    this.#core.write(this.#control, { type: "setup", options: this.#core.options.setup ?? {} });
  }

  // ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  request(message: NewRequest): number | undefined {
    const stream = this.#core.carrier.openStream("bidi");
    if (stream === undefined) return undefined;
    const whole = { ...message, requestId: this.#core.ids.take() } as RequestMessage;
    this.#add(newRequest(whole, true), stream, new ControlReader(this.#core.codec));
    this.#core.write(stream, whole);
    return whole.requestId;
  }

  send({ id }: Request, message: ControlMessage, fin: boolean): void {
    const streamed = this.#byId.get(id);
    if (streamed === undefined || streamed.isOurEndDone) return;
    const { request, stream } = streamed;
    const whole = message.type === "request-update" ? { ...message, requestId: this.#core.ids.take() } : message;
    if (checkFollowing(request, whole, request.isOurs)) request.isAnswered = true;
    if (whole.type === "request-update") this.#core.update(request, whole.parameters);
    const isOver = fin || message.type === "publish-done" || (message.type === "request-error" && !request.isOurs);
    this.#core.write(stream, whole, isOver);
    if (isOver) this.#finishOurEnd(streamed);
  }

  cancel({ id }: Request, code: number): void {
    const streamed = this.#byId.get(id);
    if (streamed === undefined) return;
    const { carrier } = this.#core;
    if (!streamed.isOurEndDone) carrier.reset(streamed.stream, code);
    if (!streamed.isTheirEndDone) carrier.stopSending(streamed.stream, code);
    this.#forget(streamed, undefined);
  }

  goaway(uri: string, timeout: number): void {
    this.#core.write(this.#control!, { type: "goaway", uri, timeout });
  }

  // ── The peer's streams ────────────────────────────────────────────────────────────────────────────────────────────

  handleStream(stream: StreamId): void {
    this.#opening.set(stream, new ControlReader(this.#core.codec));
  }

  handleUni(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const { data, codec } = this.#core;
    if (this.#peerControl?.stream !== stream) {
      if (!data.beginsWithSetup(stream, bytes)) return false;
      if (this.#peerControl !== undefined) throw violation("control stream", "a second one");
      this.#peerControl = { stream, reader: new ControlReader(codec) };
      this.#handleControl(data.takeHead(stream, bytes), fin);
      return true;
    }
    this.#handleControl(bytes, fin);
    return true;
  }

  handleReset(stream: StreamId, code: number): boolean {
    if (this.#peerControl?.stream === stream) throw violation("control stream", "it was reset");
    this.#opening.delete(stream);
    return this.handleStopped(stream, code);
  }

  handleStopped(stream: StreamId, code: number): boolean {
    if (this.#control === stream) throw violation("control stream", "the peer stopped it");
    const streamed = this.#byStream.get(stream);
    if (streamed === undefined) return false;
    if (!streamed.isOurEndDone) this.#core.carrier.reset(stream, CANCELLED);
    this.#forget(streamed, { type: "cancelled", code });
    return true;
  }

  handleBidi(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    let streamed = this.#byStream.get(stream);
    const reader = streamed?.reader ?? this.#opening.get(stream);
    if (reader === undefined) return;
    reader.push(bytes);
    for (let message = reader.poll(); message !== undefined; message = reader.poll()) {
      if (streamed === undefined) {
        streamed = this.#handleRequest(stream, message, reader);
        if (streamed === undefined) return;
      } else {
        this.#handleFollowing(streamed, message);
      }
    }
    if (!fin) return;
    reader.end();
    if (streamed === undefined) throw violation("request stream", "it ended without a request");
    this.#finishTheirEnd(streamed);
  }

  #handleControl(bytes: Uint8Array, fin: boolean): void {
    const { reader } = this.#peerControl!;
    reader.push(bytes);
    for (let message = reader.poll(); message !== undefined; message = reader.poll()) {
      const { hasSetup } = this.#core;
      if (message.type === "goaway" && hasSetup) this.#core.handleGoaway(message);
      else if (message.type === "setup" && !hasSetup) this.#core.handleSetup(message.options);
      else throw violation("control stream", `an unexpected ${message.type}`);
    }
    if (fin) throw violation("control stream", "it was closed");
  }

  /** Undefined if it was refused. */
  #handleRequest(stream: StreamId, message: ControlMessage, reader: ControlReader): Streamed | undefined {
    const core = this.#core;
    if (!isRequest(message)) throw violation("request stream", `it begins with ${message.type}`);
    this.#opening.delete(stream);
    core.ids.accept(message.requestId);
    // Before anything else: registered tokens stay, even if the request is refused.
    const tokens = core.tokens.resolve(message.parameters.tokens);
    const refusal = core.refusal();
    if (refusal !== undefined) {
      core.write(stream, { type: "request-error", code: refusal.code, reason: refusal.sentence }, true);
      core.carrier.stopSending(stream, CANCELLED);
      return undefined;
    }
    const request = newRequest(message, false);
    core.accept(request, message, tokens);
    return this.#add(request, stream, reader);
  }

  #handleFollowing(streamed: Streamed, message: ControlMessage): void {
    const { request } = streamed;
    if (message.type === "request-update") {
      this.#core.ids.accept(message.requestId);
      this.#core.tokens.resolve(message.parameters.tokens);
    }
    if (checkFollowing(request, message, !request.isOurs)) {
      request.isAnswered = true;
      request.isAccepted = message.type !== "request-error";
    }
    if (message.type === "request-update") this.#core.update(request, message.parameters);
    this.#core.tell(request, message);
    if (message.type !== "publish-done") return;
    this.#core.waitForStreams(request, message.streamCount, () => {
      request.isDataDone = true;
      this.#finishAnswered(streamed);
    });
  }

  // ── Ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #add(request: Request, stream: StreamId, reader: ControlReader): Streamed {
    const streamed = { request, stream, reader, isOurEndDone: false, isTheirEndDone: false };
    if (request.isOurs) this.#core.add(request);
    this.#byId.set(request.id, streamed);
    this.#byStream.set(stream, streamed);
    this.#core.carrier.setOrder?.(stream, REQUEST_ORDER);
    return streamed;
  }

  #finishOurEnd(streamed: Streamed): void {
    streamed.isOurEndDone = true;
    if (streamed.isTheirEndDone) this.#forget(streamed, { type: "finished" });
  }

  #finishTheirEnd(streamed: Streamed): void {
    const { request, stream } = streamed;
    streamed.isTheirEndDone = true;
    // Up to draft 18, FIN of the side that asked cancels, unless a publisher said that it is done.
    const isCancelled = !request.isOurs && !request.isDone && draftHas(this.#core.codec.draft, "cancelsByFin");
    if (isCancelled && !streamed.isOurEndDone) {
      this.#core.carrier.reset(stream, CANCELLED);
      this.#forget(streamed, { type: "cancelled", code: CANCELLED });
    } else if (streamed.isOurEndDone || request.isOurs || request.isDone) {
      this.#finishAnswered(streamed);
    }
  }

  /** The peer said all it had to say; objects may still come. */
  #finishAnswered(streamed: Streamed): void {
    const { request, stream } = streamed;
    const isFetching = request.isOurs && request.type === "fetch" && request.isAccepted;
    const isWaiting = (isFetching || request.isDone) && !request.isDataDone;
    if (isWaiting || !streamed.isTheirEndDone) return;
    if (!streamed.isOurEndDone) this.#core.carrier.write(stream, new Uint8Array(0), true);
    this.#forget(streamed, { type: "finished" });
  }

  handleFetchSent(): void {}

  handleFetchEnd(request: Request): void {
    request.isDataDone = true;
    const streamed = this.#byId.get(request.id);
    if (streamed !== undefined) this.#finishAnswered(streamed);
  }

  #forget({ request, stream }: Streamed, reason: EndReason | undefined): void {
    this.#byId.delete(request.id);
    this.#byStream.delete(stream);
    this.#core.forget(request, reason);
  }

  clear(): void {
    this.#byId.clear();
    this.#byStream.clear();
    this.#opening.clear();
  }
}
