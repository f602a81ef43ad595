/** Uploads over a ServerExchange, on every version of HTTP. */

import { continueIfExpected, respondWhole, type ServerExchange } from "../../host/http/exchange.ts";
import type { Answer } from "../../http/resumable-upload/index.ts";
import { BATCH, RequestCutError, type UploadBody, type UploadCall } from "./call.ts";
import { Staging } from "./staging.ts";

export class ExchangeCall implements UploadCall {
  readonly remoteAddress: string;
  readonly body: UploadBody;
  readonly #exchange: ServerExchange;

  constructor(exchange: ServerExchange, remoteAddress: string) {
    this.#exchange = exchange;
    this.remoteAddress = remoteAddress;
    this.body = new ExchangeBody(exchange);
  }

  get method(): string {
    return this.#exchange.method;
  }
  get path(): string {
    return this.#exchange.clientPath ?? this.#exchange.path;
  }
  get fields(): ServerExchange["fields"] {
    return this.#exchange.fields;
  }

  inform({ status, fields }: Answer): void {
    if (this.#exchange.status === undefined) this.#exchange.inform(status, fields);
  }

  respond({ status, fields, content }: Answer): void {
    const exchange = this.#exchange;
    if (exchange.aborted !== undefined || exchange.status !== undefined) return;
    const length = content?.byteLength ?? 0;
    const head = status === 204 ? fields : [...fields, ["content-length", String(length)] as const];
    if (length === 0 || exchange.method === "HEAD") exchange.respond(status, head, { endStream: true });
    else respondWhole(exchange, status, head, content!);
  }
}

/** Bytes at once from which content is copied into memory that is used again. Slow uploads hold none. */
const STAGED = 16 * 1024;

class ExchangeBody implements UploadBody {
  readonly #exchange: ServerExchange;
  readonly #staging = new Staging();
  #hasBegun = false;
  /** What came at once the last time. */
  #latest = 0;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
  }

  get hasContent(): boolean {
    return this.#exchange.body.state !== "ended";
  }

  next(): Promise<readonly Uint8Array[] | undefined> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      continueIfExpected(this.#exchange);
    }
    const { body } = this.#exchange;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const chunks = this.#read();
        if (chunks === undefined && body.state === "open" && this.#exchange.aborted === undefined) return;
        body.onReadable = undefined;
        this.#exchange.onAbort = undefined;
        if (chunks !== undefined) resolve(chunks);
        else if (body.state === "ended") resolve(undefined);
        else reject(new RequestCutError(this.#exchange.aborted?.message ?? "the request was cut off"));
      };
      body.onReadable = look;
      this.#exchange.onAbort = look;
      look();
    });
  }

  release(chunks: readonly Uint8Array[]): void {
    this.#staging.release(chunks);
  }

  /** What has arrived, in one batch: a write to the disk costs the same for little and for much. */
  #read(): readonly Uint8Array[] | undefined {
    const { body } = this.#exchange;
    const chunks: Uint8Array[] = [];
    const isStaged = this.#latest >= STAGED;
    let bytes = 0;
    while (bytes < BATCH) {
      const chunk = isStaged ? body.read(this.#staging.room()) : body.read();
      if (chunk === undefined) break;
      if (isStaged) this.#staging.fill(chunk);
      chunks.push(chunk);
      bytes += chunk.byteLength;
    }
    if (chunks.length === 0) return undefined;
    this.#latest = bytes;
    return chunks;
  }
}
