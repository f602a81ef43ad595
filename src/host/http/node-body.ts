/** A request body over a Readable of Node, as HTTP/1.1 and HTTP/2 have it. */
import type { Readable } from "node:stream";
import type { FieldSection } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { BodyState, RequestBody } from "./exchange.ts";

export class NodeBody implements RequestBody {
  onReadable: (() => void) | undefined;
  trailers: FieldSection = [];
  /** Bytes that were read. */
  taken = 0;
  #state: BodyState;
  #listening = false;
  readonly #source: Readable;
  readonly #onFault: (fault: Fault) => void;
  /** HTTP/1.1 has its trailers when the source ends. */
  readonly #readTrailers: (() => FieldSection) | undefined;
  /** Whether the source ended without the end of the message. */
  readonly #wasCut: (() => boolean) | undefined;

  constructor(
    source: Readable,
    empty: boolean,
    onFault: (fault: Fault) => void,
    readTrailers?: () => FieldSection,
    wasCut?: () => boolean,
  ) {
    this.#source = source;
    this.#onFault = onFault;
    this.#state = empty ? "ended" : "open";
    this.#readTrailers = readTrailers;
    this.#wasCut = wasCut;
  }

  get state(): BodyState {
    return this.#state;
  }

  /** A reader has asked for more than has come. */
  get isAwaited(): boolean {
    return this.#state === "open" && this.#listening && this.#source.readableLength === 0;
  }

  read(): Uint8Array | undefined {
    if (this.#state !== "open") return undefined;
    if (!this.#listening) this.#listen();
    // It ended before anybody listened.
    if (this.#source.readableEnded) this.#settle();
    const chunk = (this.#source.read() as Uint8Array | null) ?? undefined;
    this.taken += chunk?.byteLength ?? 0;
    return chunk;
  }

  /** The peer gave up, or its connection did. */
  abort(): void {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    this.onReadable?.();
  }

  /** Lets what is still to come flow away, so that the connection can carry another request. */
  discard(): void {
    if (this.#state !== "open") return;
    this.#source.removeAllListeners("readable"); // as long as there are any, resume() does nothing
    this.#source.resume();
  }

  // Listening makes the source read ahead, so it waits until somebody wants the body.
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
    if (this.#readTrailers !== undefined) this.trailers = this.#readTrailers();
    this.#state = "ended";
  }
}
