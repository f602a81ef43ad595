/** What a client sends through a tunnel, as a Readable from which a client session sends to the origin. */
import { Readable } from "node:stream";
import { ignore } from "../../../host/guard.ts";
import type { Tunnel } from "../../../host/http/tunnel.ts";

export class TunnelContent extends Readable {
  readonly #onData: () => void;
  #tunnel: Tunnel | undefined;
  #isWanted = false;

  /** Nothing is read until the tunnel is there. `onData` is called for each chunk. */
  constructor(onData: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#onData = onData;
    this.on("error", ignore); // its owner ends the tunnel
  }

  connect(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    if (this.#isWanted) this.#pull(tunnel);
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#tunnel !== undefined) this.#pull(this.#tunnel);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#tunnel !== undefined) this.#tunnel.body.onReadable = undefined;
    callback(error);
  }

  #pull(tunnel: Tunnel): void {
    const { body } = tunnel;
    body.onReadable = undefined;
    for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
      this.#onData();
      this.#isWanted = this.push(chunk);
      if (!this.#isWanted) return;
    }
    if (body.state === "ended") this.push(null);
    else if (body.state === "aborted") this.destroy(tunnel.aborted ?? new Error("the client aborted the tunnel"));
    else {
      body.onReadable = () => {
        if (!this.destroyed) this.#pull(tunnel);
      };
    }
  }
}
