/** A request body as a Readable, from which a client session sends. */
import { Readable } from "node:stream";
import { ignore } from "../../host/guard.ts";
import { continueIfExpected, type ServerExchange } from "../../host/http/exchange.ts";

export class ForwardedBody extends Readable {
  readonly #exchange: ServerExchange;
  /** True until the first read from the client. */
  isUntouched = true;
  /** True if the origin is ready for more, but the client has not sent it. */
  isWaiting = false;

  constructor(exchange: ServerExchange) {
    super({ highWaterMark: 64 * 1024 });
    this.#exchange = exchange;
    this.on("error", ignore); // the exchange was aborted, which its owner notices itself
  }

  override _read(): void {
    const { body } = this.#exchange;
    if (this.isUntouched) {
      this.isUntouched = false;
      // Sent only now that the origin is connected, so that a client waiting for 100 does not send its body in vain.
      continueIfExpected(this.#exchange);
    }
    body.onReadable = undefined;
    this.isWaiting = false;
    for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) if (!this.push(chunk)) return;
    if (body.state === "ended") this.push(null);
    else if (body.state === "aborted")
      this.destroy(this.#exchange.aborted ?? new Error("the client aborted its request"));
    else {
      this.isWaiting = true;
      body.onReadable = () => this._read();
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#exchange.body.onReadable = undefined;
    callback(error);
  }
}
