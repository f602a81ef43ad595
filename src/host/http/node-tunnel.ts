/** A tunnel over a Duplex of Node: the socket of HTTP/1.1, or a stream of HTTP/2. */
import type { Duplex } from "node:stream";
import { type Fault, guard, ignore } from "../guard.ts";
import { NodeBody } from "./node-body.ts";
import type { Tunnel } from "./tunnel.ts";

export interface NodeTunnelOptions {
  readonly stream: Duplex;
  /** Nothing will come from the client. */
  readonly isEmpty: boolean;
  /** Whether the client reset the stream: Node ends its readable side all the same. */
  readonly wasCut: () => boolean;
  /** Ends the stream so that the client can tell it from an orderly end. */
  readonly cutOff: (reason: Error) => void;
  readonly onFault: (fault: Fault) => void;
  readonly onClose: () => void;
}

export class NodeTunnel implements Tunnel {
  readonly body: NodeBody;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  /** Bytes written so far. */
  written = 0;
  readonly #options: NodeTunnelOptions;
  #isEnded = false;
  #isClosed = false;

  constructor(options: NodeTunnelOptions) {
    const { stream, isEmpty, wasCut, onClose } = options;
    this.#options = options;
    const onFault = this.#handleFault;
    this.body = new NodeBody(stream, isEmpty, onFault, undefined, wasCut);
    // Node resets a stream of HTTP/2 that has been answered in full before anybody tried to read it.
    stream.read(0);
    stream.on("error", ignore); // "close" follows
    stream.on(
      "drain",
      guard("tunnel drain", onFault, () => this.onDrain?.()),
    );
    stream.on(
      "aborted",
      guard("tunnel aborted", onFault, () => this.#handleCut()),
    );
    stream.on(
      "close",
      guard(
        "tunnel closed",
        (fault) => {
          options.onFault(fault);
          onClose();
        },
        () => {
          this.#isClosed = true;
          if (wasCut() || !stream.readableEnded || !stream.writableFinished) this.#handleCut();
          onClose();
        },
      ),
    );
  }

  /** An exception ends the tunnel. */
  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
    this.reset(fault.error);
  };

  #handleCut(): void {
    this.abort(new Error("the client cut the tunnel off", { cause: this.#options.stream.errored }));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver) return false;
    this.written += chunk.byteLength;
    return this.#options.stream.write(chunk);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isEnded = true;
    this.#options.stream.end();
  }

  stopReading(): void {
    this.body.discard();
  }

  reset(reason: Error): void {
    if (this.#isClosed || this.aborted !== undefined) return;
    this.aborted = reason;
    this.body.abort();
    this.#options.cutOff(reason);
  }

  /** The client, or its connection, gave up. */
  abort(reason: Error): void {
    if (this.aborted !== undefined) return;
    this.aborted = reason;
    this.body.abort();
    this.onAbort?.(reason);
  }

  get #isOver(): boolean {
    return this.#isEnded || this.#isClosed || this.aborted !== undefined;
  }
}
