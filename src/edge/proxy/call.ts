/** One request on its way to an origin and back: undici's callbacks onto an Exchange, with backpressure both ways. */
import type { Dispatcher } from "undici";
import { type Fault, guard } from "../../host/guard.ts";
import type { Exchange } from "../../host/http/exchange.ts";
import type { FieldSection } from "../../http/index.ts";
import { fieldsOfRaw, forwardResponseFields } from "./forwarded-fields.ts";
import type { Origin } from "./origins.ts";
import { ForwardedBody } from "./request-body.ts";

type Controller = Dispatcher.DispatchController;

export interface CallFailure {
  readonly error: Error;
  /** Nothing of the request was sent. */
  readonly unsent: boolean;
  /** Set when the error is ours. */
  readonly fault?: Fault;
}

export class ProxyCall {
  readonly #exchange: Exchange;
  readonly #onFailure: (failure: CallFailure) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;

  /** `onFailure` is called at most once, and never when it is the client who gave up. */
  constructor(exchange: Exchange, onFailure: (failure: CallFailure) => void) {
    this.#exchange = exchange;
    this.#onFailure = onFailure;
    exchange.onAbort = (reason) => {
      this.#over = true;
      this.#controller?.abort(reason);
    };
    exchange.onDrain = () => this.#controller?.resume();
  }

  send(origin: Origin, fields: FieldSection): void {
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
        onRequestStart: guard("proxy start", this.#handleFault, (controller: Controller) => this.#start(controller)),
        onResponseStart: guard("proxy head", this.#handleFault, (controller: Controller, status: number) =>
          this.#handleHead(controller, status),
        ),
        onResponseData: guard("proxy data", this.#handleFault, (controller: Controller, chunk: Buffer) =>
          this.#handleData(controller, chunk),
        ),
        onResponseEnd: guard("proxy end", this.#handleFault, (controller: Controller) => this.#handleEnd(controller)),
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

  #start(controller: Controller): void {
    this.#controller = controller;
    if (this.#exchange.aborted !== undefined) controller.abort(this.#exchange.aborted);
  }

  #handleHead(controller: Controller, status: number): void {
    const raw = fieldsOfRaw((controller.rawHeaders ?? []) as Buffer[]);
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

  #handleData(controller: Controller, chunk: Buffer): void {
    if (this.#over) return;
    if (!this.#exchange.write(chunk)) controller.pause();
  }

  #handleEnd(controller: Controller): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange.end(undefined, forwardResponseFields(fieldsOfRaw((controller.rawTrailers ?? []) as Buffer[])));
  }

  #handleError(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#onFailure({ error, unsent: this.#controller === undefined });
  }
}
