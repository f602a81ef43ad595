/** A request's body as the Readable that a session sends from. */
import { Readable } from "node:stream";
import { ignore } from "../../host/guard.ts";
import { continueIfExpected, type ServerExchange } from "../../host/http/exchange.ts";

export class ForwardedBody extends Readable {
  readonly #exchange: ServerExchange;
  /** Nothing was asked of the client yet. */
  isUntouched = true;
  /** The origin would take more, and the client has not sent it. */
  isWaiting = false;

  constructor(exchange: ServerExchange) {
    super({ highWaterMark: 64 * 1024 });
    this.#exchange = exchange;
    this.on("error", ignore); // it is the exchange's abort, which its owner sees by itself
  }

  override _read(): void {
    const { body } = this.#exchange;
    if (this.isUntouched) {
      this.isUntouched = false;
      // Only now is there a connection to the origin: so a client that waits for 100 is asked when it can be served.
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
