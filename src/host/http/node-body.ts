/** A request body on a Node Readable, for HTTP/2 and tunnels. */
import type { Readable } from "node:stream";
import type { FieldSection } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { BodyState, RequestBody } from "./exchange.ts";

export class NodeBody implements RequestBody {
  onReadable: (() => void) | undefined;
  trailers: FieldSection = [];
  /** Bytes read so far. */
  consumed = 0;
  #state: BodyState;
  #listening = false;
  readonly #source: Readable;
  readonly #onFault: (fault: Fault) => void;
  /** Returns true if the source ended before the end of the message. */
  readonly #wasCut: (() => boolean) | undefined;

  constructor(source: Readable, empty: boolean, onFault: (fault: Fault) => void, wasCut?: () => boolean) {
    this.#source = source;
    this.#onFault = onFault;
    this.#state = empty ? "ended" : "open";
    this.#wasCut = wasCut;
  }

  get state(): BodyState {
    return this.#state;
  }

  /** True if a reader waits for more. */
  get isAwaited(): boolean {
    return this.#state === "open" && this.#listening && this.#source.readableLength === 0;
  }

  read(): Uint8Array | undefined {
    if (this.#state !== "open") return undefined;
    if (!this.#listening) this.#listen();
    // It ended before we listened.
    if (this.#source.readableEnded) this.#settle();
    const chunk = (this.#source.read() as Uint8Array | null) ?? undefined;
    this.consumed += chunk?.byteLength ?? 0;
    return chunk;
  }

  /** Call if the peer resets the stream, or the connection ends. */
  abort(): void {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    this.onReadable?.();
  }

  /** Drops the rest of the body, so that the connection can carry another request. */
  discard(): void {
    if (this.#state !== "open") return;
    this.#source.removeAllListeners("readable"); // with any of them, resume() does nothing
    this.#source.resume();
  }

  // Listening makes the source read ahead, so wait until the body is read.
  #listen(): void {
    this.#listening = true;
    this.#source.on(
      "readable",
      guard("body readable", this.#onFault, () => this.onReadable?.()),
    );
    this.#source.on(
      "end",
      guard("body end", this.#onFault, () => this.#end()),
    );
  }

  #end(): void {
    if (this.#state !== "open") return;
    this.#settle();
    this.onReadable?.();
  }

  #settle(): void {
    if (this.#wasCut?.()) {
      this.#state = "aborted";
      return;
    }
    this.#state = "ended";
  }
}
