/** A request whose content is kept while a handler reads it, so that it can be handed back until the content is complete. */

import { Spool, type SpoolOptions } from "../../host/files/spool.ts";
import { detach, type Fault } from "../../host/guard.ts";
import type { ReleaseChunk, RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import type { BodyState, RequestBody } from "../../host/http/request-body.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import { echoFields, type FieldSection, REPLAY_REASON } from "../../http/index.ts";
import { DecoratedExchange } from "../modifiers/decorated-exchange.ts";

export class ReplayableExchange extends DecoratedExchange {
  readonly #body: KeptBody;
  readonly #spool: Spool;
  readonly #onFault: (fault: Fault) => void;
  readonly #onSettled: (exchange: ReplayableExchange) => void;
  #isSettled = false;
  #handedBack: Error | undefined;
  /** Continues to send back. */
  #wake: (() => void) | undefined;
  #onAbort: ((reason: Error) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #onClose: (() => void) | undefined;

  /** `onSettled` is called once, when the request can no longer be handed back, or has been. */
  constructor(
    inner: ServerExchange,
    spool: SpoolOptions & { readonly onFault: (fault: Fault) => void },
    onSettled: (exchange: ReplayableExchange) => void,
  ) {
    super(inner);
    this.#spool = new Spool(spool);
    this.#body = new KeptBody(inner.body, this.#spool, () => this.commit());
    this.#onFault = spool.onFault;
    this.#onSettled = onSettled;
    inner.onAbort = (reason) => {
      this.#settle();
      this.#spool.close();
      this.#wake?.();
      if (this.#handedBack === undefined) this.#onAbort?.(reason);
    };
    inner.onClose = () => {
      this.#settle();
      this.#spool.close();
      this.#onClose?.();
    };
    inner.onDrain = () => {
      this.#wake?.();
      this.#onDrain?.();
    };
  }

  /** The handler acts on the request from now on, so it is never handed back. Also called at the end of the content. */
  override commit(): void {
    if (this.#handedBack !== undefined || this.#isSettled) return;
    this.#settle();
    this.#body.release();
    this.#spool.close();
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#onSettled(this);
  }

  /** Aborts the handler, and answers with the request: its head, what was read of its content, and what is still arriving. */
  handBack(status: number): void {
    const { inner } = this;
    if (this.#isSettled || inner.status !== undefined || inner.aborted !== undefined || this.#spool.error !== undefined)
      return;
    this.#settle();
    const reason = new Error("the server shuts down, and has handed the request back");
    this.#handedBack = reason;
    this.#body.cut();
    this.#spool.end();
    inner.respond(status, echoFields(inner), { reason: REPLAY_REASON, contentLength: "unknown" });
    const onFault = (fault: Fault): void => {
      this.#onFault(fault);
      inner.reset(fault.error);
    };
    detach("hand back", onFault, this.#sendBack());
    this.#onAbort?.(reason);
  }

  async #sendBack(): Promise<void> {
    const { inner } = this;
    try {
      let position = 0;
      for (let chunk = await this.#spool.read(0); chunk !== undefined; chunk = await this.#spool.read(position)) {
        position += chunk.byteLength;
        await this.#send(chunk);
      }
      // Section 3.1: what is still arriving comes back, too, until the proxy ends the request.
      const { body } = inner;
      body.onReadable = () => this.#wake?.();
      while (body.state === "open") {
        const chunk = body.read();
        if (chunk !== undefined) await this.#send(chunk);
        else if (body.state === "open") await this.#change();
      }
      if (body.state === "ended") inner.end();
      else inner.reset(new Error("the proxy aborted the request"));
    } catch (error) {
      if (inner.aborted === undefined) inner.reset(error as Error);
    } finally {
      this.#spool.close();
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const { inner } = this;
    if (inner.aborted !== undefined) throw inner.aborted;
    if (!inner.write(chunk)) await this.#change();
  }

  /** Resolves when there is room or content, or the client has gone. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  override get body(): RequestBody {
    return this.#body;
  }
  override get aborted(): Error | undefined {
    return this.#handedBack ?? super.aborted;
  }
  override get onAbort(): ((reason: Error) => void) | undefined {
    return this.#onAbort;
  }
  override set onAbort(callback: ((reason: Error) => void) | undefined) {
    this.#onAbort = callback;
  }
  override get onDrain(): (() => void) | undefined {
    return this.#onDrain;
  }
  override set onDrain(callback: (() => void) | undefined) {
    this.#onDrain = callback;
  }
  override get onClose(): (() => void) | undefined {
    return this.#onClose;
  }
  override set onClose(callback: (() => void) | undefined) {
    this.#onClose = callback;
  }

  // A response means that the handler has decided: a refusal, or a result before the end of the content.
  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.commit();
    if (this.#handedBack === undefined) super.respond(status, fields, options);
  }
  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    this.commit();
    if (this.#handedBack === undefined) super.respondWhole(status, fields, content);
  }
  override acceptTunnel(fields: FieldSection): Tunnel {
    this.commit();
    return super.acceptTunnel(fields);
  }
  override inform(status: number, fields: FieldSection): void {
    if (this.#handedBack === undefined) super.inform(status, fields);
  }
  override hasRoom(bytes?: number): boolean {
    return this.#handedBack !== undefined || super.hasRoom(bytes);
  }
  override write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#handedBack === undefined) return super.write(chunk, released);
    released?.(chunk);
    return true;
  }
  override end(last?: Uint8Array, trailers?: FieldSection): void {
    if (this.#handedBack === undefined) super.end(last, trailers);
  }
  override reset(reason: Error): void {
    if (this.#handedBack === undefined) super.reset(reason);
  }
}

/** Content that is kept as it is read. */
class KeptBody implements RequestBody {
  readonly #inner: RequestBody;
  readonly #onEnd: () => void;
  #spool: Spool | undefined;
  #onReadable: (() => void) | undefined;
  #isCut = false;

  constructor(inner: RequestBody, spool: Spool, onEnd: () => void) {
    this.#inner = inner;
    this.#spool = spool;
    this.#onEnd = onEnd;
    spool.onDrain = () => this.#onReadable?.();
  }

  /** Keeps nothing from now on. */
  release(): void {
    this.#spool = undefined;
  }

  /** The handler reads no further: the rest goes back. */
  cut(): void {
    this.#isCut = true;
    this.#onReadable?.();
  }

  get state(): BodyState {
    return this.#isCut ? "aborted" : this.#inner.state;
  }
  get trailers(): FieldSection {
    return this.#inner.trailers;
  }
  get onReadable(): (() => void) | undefined {
    return this.#onReadable;
  }
  set onReadable(callback: (() => void) | undefined) {
    this.#onReadable = callback;
    if (!this.#isCut) this.#inner.onReadable = callback;
  }

  read(): Uint8Array | undefined {
    if (this.#isCut) return undefined;
    // A slow disk slows the client down.
    if (this.#spool?.isFull === true) return undefined;
    const chunk = this.#inner.read();
    if (chunk !== undefined) this.#spool?.write(chunk);
    else if (this.#inner.state === "ended") this.#onEnd();
    return chunk;
  }
}
