/** The content of a request, for one attempt after another: what was sent is kept, up to a limit, so that it can be sent again. */
import { Readable } from "node:stream";
import { ignore } from "../../../host/guard.ts";
import { continueIfExpected, type ServerExchange } from "../../../host/http/exchange.ts";
import type { FieldSection } from "../../../http/index.ts";

/** The content of a request, as attempts need it. */
export interface OutgoingContent {
  /** Called for each chunk that the client sent, and each time the origin has taken what was there. */
  onProgress: (() => void) | undefined;
  /** True if an attempt would send the same content again. */
  readonly isRepeatable: boolean;
  /** True if the origin is ready for more, but the client has not sent it. */
  readonly isWaiting: boolean;
  readonly trailers: FieldSection;
  /** Starts from the beginning. The previous attempt reads no further. */
  open(): AsyncIterable<Uint8Array>;
  /** Ends the current attempt. */
  close(): void;
  /** There will be no other attempt. */
  forget(): void;
  /** Frees what is kept. */
  release(): void;
}

export class RequestBody implements OutgoingContent {
  /** Called for each chunk that the client sent, and each time the origin has taken what was there. */
  onProgress: (() => void) | undefined;
  readonly #exchange: ServerExchange;
  readonly #limit: number;
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #isBegun = false;
  #current: Content | undefined;

  /** Keeps at most `limit` bytes. */
  constructor(exchange: ServerExchange, limit: number) {
    this.#exchange = exchange;
    this.#limit = limit;
  }

  /** True if an attempt would send the same content again. */
  get isRepeatable(): boolean {
    return this.#kept !== undefined;
  }

  /** True if the origin is ready for more, but the client has not sent it. */
  get isWaiting(): boolean {
    return this.#current?.isWaiting === true;
  }

  /** Starts from the beginning. The previous attempt reads no further. */
  open(): Readable {
    this.close();
    this.#current = new Content(this, this.#kept ?? []);
    return this.#current;
  }

  /** Ends the current attempt. */
  close(): void {
    this.#exchange.body.onReadable = undefined;
    this.#current?.destroy();
    this.#current = undefined;
  }

  /** There will be no other attempt. */
  forget(): void {
    this.#kept = undefined;
  }

  release(): void {
    this.#kept = undefined;
  }

  get trailers(): FieldSection {
    return this.#exchange.body.trailers;
  }

  // ---- For Content

  /** Calls `push` for each chunk that has arrived, until it returns false. Returns the state after them. */
  pull(content: Content, push: (chunk: Uint8Array) => boolean): "full" | "open" | "ended" | Error {
    const { body } = this.#exchange;
    if (content !== this.#current) return "full";
    if (!this.#isBegun) {
      this.#isBegun = true;
      // Sent only now that the origin is connected, so that a client waiting for 100 does not send its body in vain.
      continueIfExpected(this.#exchange);
    }
    body.onReadable = undefined;
    for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
      this.#keep(chunk);
      this.onProgress?.();
      if (!push(chunk)) return "full";
    }
    if (body.state === "ended") return "ended";
    if (body.state === "aborted") return this.#exchange.aborted ?? new Error("the client aborted its request");
    body.onReadable = () => content.read0();
    return "open";
  }

  #keep(chunk: Uint8Array): void {
    if (this.#kept === undefined) return;
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes > this.#limit) this.#kept = undefined;
    else this.#kept.push(chunk);
  }
}

/** The content as one attempt reads it. */
class Content extends Readable {
  isWaiting = false;
  readonly #source: RequestBody;
  readonly #again: Uint8Array[];

  constructor(source: RequestBody, kept: readonly Uint8Array[]) {
    super({ highWaterMark: 64 * 1024 });
    this.#source = source;
    this.#again = [...kept];
    this.on("error", ignore); // the exchange was aborted, which its owner notices itself
  }

  override _read(): void {
    while (this.#again.length > 0) if (!this.push(this.#again.shift())) return;
    this.isWaiting = false;
    const state = this.#source.pull(this, (chunk) => this.push(chunk));
    if (state === "ended") this.push(null);
    else if (state === "open") this.isWaiting = true;
    else if (state !== "full") this.destroy(state);
  }

  /** More has arrived. */
  read0(): void {
    if (!this.destroyed) this._read();
  }
}
