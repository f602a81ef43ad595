/** A tunnel on a Node Duplex: an HTTP/1.1 socket or an HTTP/2 stream. */
import type { Duplex } from "node:stream";
import { type Fault, guard, ignore } from "../guard.ts";
import { NodeBody } from "./node-body.ts";
import type { OpenTunnels } from "./open-tunnels.ts";
import type { Tunnel } from "./tunnel.ts";

export interface NodeTunnelOptions {
  readonly stream: Duplex;
  /** True if the client has sent everything. */
  readonly isEmpty: boolean;
  /** Returns true if the client reset the stream; Node ends its readable side in any case. */
  readonly wasCut: () => boolean;
  /** Resets the stream, so that the client can tell it from an orderly end. */
  readonly cutOff: (reason: Error) => void;
  readonly onFault: (fault: Fault) => void;
  /** Those of the listener. */
  readonly tunnels: OpenTunnels;
  readonly onClose: () => void;
}

export class NodeTunnel implements Tunnel {
  readonly body: NodeBody;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onShutdown: (() => void) | undefined;
  onDeadline: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  /** Bytes written so far. */
  written = 0;
  readonly #options: NodeTunnelOptions;
  #isEnded = false;
  #isClosed = false;

  constructor(options: NodeTunnelOptions) {
    const { stream, isEmpty, wasCut, tunnels, onClose } = options;
    this.#options = options;
    tunnels.add(this);
    const onFault = this.#handleFault;
    this.body = new NodeBody(stream, isEmpty, onFault, wasCut);
    // Node resets an HTTP/2 stream that is answered completely before a first read.
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
          tunnels.delete(this);
          if (wasCut() || !stream.readableEnded || !stream.writableFinished) this.#handleCut();
          onClose();
        },
      ),
    );
  }

  /** Ends the tunnel after an exception. */
  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
    this.reset(fault.error);
  };

  #handleCut(): void {
    this.abort(new Error("the client aborted the tunnel", { cause: this.#options.stream.errored }));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isFinished) return false;
    this.written += chunk.byteLength;
    return this.#options.stream.write(chunk);
  }

  end(): void {
    if (this.#isFinished) return;
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

  /** Call if the client resets the tunnel, or its connection ends. */
  abort(reason: Error): void {
    if (this.aborted !== undefined) return;
    this.aborted = reason;
    this.body.abort();
    this.onAbort?.(reason);
  }

  get #isFinished(): boolean {
    return this.#isEnded || this.#isClosed || this.aborted !== undefined;
  }
}
