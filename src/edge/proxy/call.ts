/** One request on its way to an origin and back: undici's callbacks onto a ServerExchange, with backpressure both ways. */
import type { OriginResponseController } from "../../host/client/origin-pool.ts";
import { type Fault, guard } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { fieldsFromRaw } from "../../host/http/raw-fields.ts";
import type { FieldSection } from "../../http/index.ts";
import { forwardResponseFields } from "./forwarded-fields.ts";
import type { ProxyOrigin } from "./origins.ts";
import { ForwardedBody } from "./request-body.ts";

export interface CallFailure {
  readonly error: Error;
  /** Nothing of the request was sent. */
  readonly unsent: boolean;
  /** Set when the error is ours. */
  readonly fault?: Fault;
}

export class ProxyCall {
  readonly #exchange: ServerExchange;
  readonly #onFailure: (failure: CallFailure) => void;
  #controller: OriginResponseController | undefined;
  #over = false;

  /** `onFailure` is called at most once, and never when it is the client who gave up. */
  constructor(exchange: ServerExchange, onFailure: (failure: CallFailure) => void) {
    this.#exchange = exchange;
    this.#onFailure = onFailure;
    exchange.onAbort = (reason) => {
      this.#over = true;
      this.#controller?.abort(reason);
    };
    exchange.onDrain = () => this.#controller?.resume();
  }

  send(origin: ProxyOrigin, fields: FieldSection): void {
    const exchange = this.#exchange;
    origin.pool.dispatch(
      {
        path: origin.base + exchange.path,
        method: exchange.method,
        headers: fields.flat(),
        body: exchange.body.state === "ended" ? null : new ForwardedBody(exchange),
        // Host may name the client's idea of us; the certificate names the origin. (undici's types lack this option.)
        ...(origin.serverName === undefined ? {} : { servername: origin.serverName }),
      },
      {
        onRequestStart: guard("proxy start", this.#handleFault, (controller: OriginResponseController) =>
          this.#start(controller),
        ),
        onResponseStart: guard(
          "proxy head",
          this.#handleFault,
          (controller: OriginResponseController, status: number) => this.#handleHead(controller, status),
        ),
        onResponseData: guard("proxy data", this.#handleFault, (controller: OriginResponseController, chunk: Buffer) =>
          this.#handleData(controller, chunk),
        ),
        onResponseEnd: guard("proxy end", this.#handleFault, (controller: OriginResponseController) =>
          this.#handleEnd(controller),
        ),
        onResponseError: guard("proxy error", this.#handleFault, (_controller: unknown, error: Error) =>
          this.#handleError(error),
        ),
      },
    );
  }

  readonly #handleFault = (fault: Fault): void => {
    if (this.#over && this.#exchange.status === undefined) return;
    this.#over = true;
    this.#controller?.abort(fault.error);
    this.#onFailure({ error: fault.error, unsent: false, fault });
  };

  #start(controller: OriginResponseController): void {
    this.#controller = controller;
    if (this.#exchange.aborted !== undefined) controller.abort(this.#exchange.aborted);
  }

  #handleHead(controller: OriginResponseController, status: number): void {
    const raw = fieldsFromRaw(controller.rawHeaders as Buffer[] | null | undefined);
    const fields = forwardResponseFields(raw);
    if (status < 200) {
      this.#exchange.inform(status, fields);
      return;
    }
    const { method } = this.#exchange;
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    // Only a message framed in chunks can have trailers (RFC 9112 §7.1.2).
    const trailers = raw.some(([name]) => name === "transfer-encoding");
    this.#exchange.respond(status, fields, { endStream: bodiless, trailers });
    if (bodiless) this.#over = true;
  }

  #handleData(controller: OriginResponseController, chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#exchange.write(chunk)) controller.pause();
  }

  #handleEnd(controller: OriginResponseController): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.end(
      undefined,
      forwardResponseFields(fieldsFromRaw(controller.rawTrailers as Buffer[] | null | undefined)),
    );
  }

  #handleError(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#onFailure({ error, unsent: this.#controller === undefined });
  }
}
