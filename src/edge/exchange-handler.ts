/**
 * Turns a service that handles Exchanges into a function from Request to Response, for use inside a fetch handler.
 * Request content is ignored.
 */
import type {
  ConnectionInfo,
  HttpVersion,
  PeerAddress,
  ReleaseChunk,
  RequestBody,
  RespondOptions,
  ServerExchange,
} from "../host/http/exchange.ts";
import type { Context } from "../host/http/fetch-context.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import type { FieldLine, FieldSection } from "../http/index.ts";

export const toFetchHandler =
  (handle: (exchange: ServerExchange) => void): Handler =>
  (request, context) =>
    new Promise((resolve, reject) => {
      handle(new RequestExchange(request, context, resolve, reject));
    });

/** Statuses for which a Response takes no body (the Fetch standard's null body status). */
const isNullBody = (status: number): boolean => status === 204 || status === 205 || status === 304;

const NO_BODY: RequestBody = { state: "ended", trailers: [], read: () => undefined, onReadable: undefined };

class RequestExchange implements ServerExchange {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body = NO_BODY;
  readonly tunnelOffer = undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  preparedBytes = 0;
  #status: number | undefined;
  #aborted: Error | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly #context: Context;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (reason: Error) => void;

  constructor(
    request: Request,
    context: Context,
    resolve: (response: Response) => void,
    reject: (reason: Error) => void,
  ) {
    const url = new URL(request.url);
    this.method = request.method;
    this.scheme = url.protocol.slice(0, -1);
    this.authority = url.host;
    this.path = url.pathname + url.search;
    this.fields = [...(request.headers as unknown as Iterable<FieldLine>)];
    this.#context = context;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get protocol(): HttpVersion {
    return this.#context.protocol;
  }
  get remoteAddress(): PeerAddress {
    return this.#context.remoteAddress;
  }
  get localAddress(): PeerAddress {
    return this.#context.localAddress;
  }
  get requestId(): string {
    return this.#context.requestId;
  }
  get connection(): ConnectionInfo | undefined {
    return this.#context.connection;
  }
  get earlyData(): boolean {
    return this.#context.earlyData;
  }
  get confirmed(): Promise<void> {
    return this.#context.confirmed;
  }
  get status(): number | undefined {
    return this.#status;
  }
  get aborted(): Error | undefined {
    return this.#aborted;
  }

  inform(status: number, fields: FieldSection): void {
    this.#context.inform(status, fields as [string, string][]);
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.#status = status;
    const init = { status, headers: fields as [string, string][] };
    if (options?.endStream === true || isNullBody(status)) {
      this.#resolve(new Response(null, init));
      this.onClose?.();
      return;
    }
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.onDrain?.(),
        cancel: (reason) => this.#abort(reason instanceof Error ? reason : new Error("the response was cancelled")),
      },
      { highWaterMark: 1 },
    );
    this.#resolve(new Response(body, init));
  }

  hasRoom(_bytes?: number): boolean {
    return this.#aborted !== undefined || (this.#controller?.desiredSize ?? 0) > 0;
  }

  /** The chunk belongs to the reader of the stream, so it is never released. */
  write(chunk: Uint8Array, _released?: ReleaseChunk): boolean {
    if (this.#aborted !== undefined) return false;
    this.#controller!.enqueue(chunk);
    return this.hasRoom();
  }

  end(last?: Uint8Array): void {
    if (this.#aborted !== undefined) return;
    if (last !== undefined && last.byteLength > 0) this.#controller!.enqueue(last);
    this.#controller!.close();
    this.onClose?.();
  }

  acceptTunnel(): never {
    throw new Error("a service inside a handler has no tunnels");
  }

  reset(reason: Error): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    if (this.#controller === undefined) this.#reject(reason);
    else this.#controller.error(reason);
    this.onClose?.();
  }

  #abort(reason: Error): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.onAbort?.(reason);
    this.onClose?.();
  }
}
