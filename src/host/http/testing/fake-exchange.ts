/** An exchange in memory, for tests. */
import { deferred } from "../../../edge/testing/async.ts";
import type { FieldSection } from "../../../http/index.ts";
import type { ReleaseChunk, RequestBody, RespondOptions, ServerExchange } from "../exchange.ts";
import type { TunnelOffer } from "../tunnel.ts";

const ADDRESS = { address: "192.0.2.1", port: 1, family: "IPv4" } as const;

export class FakeBody implements RequestBody {
  state: "open" | "ended" | "aborted" = "open";
  trailers: FieldSection = [];
  onReadable: (() => void) | undefined;
  readonly #chunks: Uint8Array[] = [];
  #last = false;

  push(text: string): void {
    this.#chunks.push(new TextEncoder().encode(text));
    this.onReadable?.();
  }
  finish(): void {
    this.#last = true;
    if (this.#chunks.length === 0) this.state = "ended";
    this.onReadable?.();
  }
  abort(): void {
    this.state = "aborted";
    this.onReadable?.();
  }
  read(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    if (this.#last && this.#chunks.length === 0) this.state = "ended";
    return chunk;
  }
}

/** An exchange in memory that records its response. */
export class FakeExchange implements ServerExchange {
  readonly protocol = "h3";
  readonly scheme = "https";
  readonly remoteAddress = ADDRESS;
  readonly localAddress = ADDRESS;
  readonly connection = undefined;
  readonly body = new FakeBody();
  tunnelOffer: TunnelOffer | undefined;
  method = "GET";
  authority = "localhost:4433";
  path = "/";
  fields: FieldSection = [];
  status: number | undefined;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  preparedBytes = 0;
  head: FieldSection = [];
  trailers: FieldSection | undefined;
  content = "";
  writes = 0;
  readonly informed: number[] = [];
  informedFields: FieldSection = [];
  readonly #over = deferred<void>();
  readonly over = this.#over.promise;

  inform(status: number, fields: FieldSection): void {
    this.informed.push(status);
    this.informedFields = fields;
  }
  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.status = status;
    this.head = fields;
    if (options?.endStream === true) this.#over.resolve();
  }
  room = true;
  hasRoom(): boolean {
    return this.room;
  }
  write(chunk: Uint8Array, _released?: ReleaseChunk): boolean {
    this.writes++;
    this.content += new TextDecoder().decode(chunk);
    return true;
  }
  end(last?: Uint8Array, trailers?: FieldSection): void {
    if (last !== undefined) this.write(last);
    this.trailers = trailers;
    this.#over.resolve();
  }
  acceptTunnel(): never {
    throw new Error("this test has no tunnels");
  }
  reset(reason: Error): void {
    this.aborted = reason;
    this.#over.resolve();
  }
  abort(reason: Error): void {
    this.aborted = reason;
    this.body.abort();
    this.onAbort?.(reason);
  }
}
