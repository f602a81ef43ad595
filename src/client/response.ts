// fetch's side of an exchange: its response as a promise, and the content as a stream with backpressure.
import type { Field } from "../host/client/session.ts";
import { Exchange, type ExchangeReceiver, type ExchangeRequest, type ResponseHead } from "./exchange.ts";
import type { ExchangeFacts } from "./facts.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";

export interface FetchRequest extends ExchangeRequest {
  readonly upgradedBy: ExchangeFacts["upgradedBy"];
  /** The redirects that led to this request. */
  readonly redirects: readonly ExchangeFacts[];
  readonly onInformational: ((status: number, fields: readonly Field[]) => void) | undefined;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly statusText: string;
  readonly fields: readonly Field[];
  /** Null if HTTP allows no content. */
  readonly body: ReadableStream<Uint8Array> | null;
  readonly facts: ExchangeFacts;
  readonly exchange: Exchange;
}

/** Bytes in the stream above which the session is paused. */
const BUFFER = 128 * 1024;

export function exchange(origin: Origin, request: FetchRequest, settings: ClientSettings): Promise<ExchangeResponse> {
  return new Promise((resolve, reject) => {
    const receiver = new ResponseReceiver(request, resolve, reject);
    receiver.exchange = new Exchange(origin, request, settings, receiver);
    receiver.exchange.enqueue();
  });
}

class ResponseReceiver implements ExchangeReceiver {
  exchange!: Exchange;
  readonly #request: FetchRequest;
  readonly #resolve: (response: ExchangeResponse) => void;
  readonly #reject: (error: unknown) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #headSeen = false;
  #trailers: readonly Field[] = [];
  #trailerLines: readonly Field[] = [];

  constructor(request: FetchRequest, resolve: (response: ExchangeResponse) => void, reject: (error: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onInformational(status: number, spelled: readonly Field[]): void {
    this.#request.onInformational?.(status, spelled);
  }

  onHead(head: ResponseHead): void {
    this.#headSeen = true;
    const { status, statusText, fields } = head;
    const body = head.mayHaveContent ? this.#stream() : null;
    this.#resolve({ status, statusText, fields, body, facts: this.#facts(head), exchange: this.exchange });
  }

  onData(chunk: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    controller.enqueue(chunk);
    if (controller.desiredSize! <= 0) this.exchange.pause();
  }

  onEnd(trailers: readonly Field[], spelled: readonly Field[]): void {
    this.#trailers = trailers;
    this.#trailerLines = spelled;
    try {
      this.#controller?.close();
    } catch {
      // The reader cancelled the stream, which closed it.
    }
  }

  onError(error: unknown): void {
    if (!this.#headSeen) this.#reject(error);
    else this.#controller?.error(error);
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.exchange.resume(),
        cancel: (reason) => this.exchange.abort(reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFER }),
    );
  }

  #facts({ status, spelled, received }: ResponseHead): ExchangeFacts {
    const { exchange } = this;
    const session = exchange.session!;
    const { url, head, redirects, upgradedBy } = this.#request;
    const self = this;
    return {
      url: url.href,
      method: head.method,
      status,
      fields: spelled,
      protocol: session.protocol,
      remoteAddress: session.remoteAddress,
      remotePort: session.remotePort,
      reused: exchange.reused,
      attempts: exchange.attempts,
      connection: session.timings,
      decisions: exchange.decisions(),
      redirects,
      upgradedBy,
      get timings() {
        return exchange.timings(received);
      },
      get contentBytes() {
        return exchange.contentBytes;
      },
      get trailers() {
        return self.#trailers;
      },
      get trailerLines() {
        return self.#trailerLines;
      },
      stats: () => session.stats(),
    };
  }
}
