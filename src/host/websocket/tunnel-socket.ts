/** A WebSocket on the bytes of a tunnel, in either role (RFC 6455), over any version of HTTP. */

import {
  closePayload,
  Opcode,
  WebSocketError,
  WebSocketReader,
  WebSocketStatus,
  webSocketFrame,
} from "../../http/websocket/index.ts";
import type { HostClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { systemRng } from "../random.ts";
import { Timer } from "../timer.ts";
import type { MessageSocket, MessageSocketHandler } from "./message-socket.ts";

export interface TunnelSocketOptions {
  readonly role: "client" | "server";
  /** Bytes. */
  readonly maxMessage: number;
  readonly clock: HostClock;
}

/** Milliseconds that the peer has to close its side after we have closed ours (RFC 6455 §7.1.1). */
const CLOSE_TIMEOUT = 2_000;

export class TunnelSocket implements MessageSocket {
  readonly #tunnel: Tunnel;
  readonly #options: TunnelSocketOptions;
  readonly #reader: WebSocketReader;
  #handler: MessageSocketHandler | undefined;
  #isFull = false;
  /** The latest ping that was not answered because the tunnel was full (RFC 6455 §5.5.3). */
  #ping: Uint8Array | undefined;
  /** We have sent a Close frame. */
  #isClosing = false;
  /** Nothing more is read. */
  #isOver = false;
  #lingering: Timer | undefined;

  constructor(tunnel: Tunnel, options: TunnelSocketOptions) {
    this.#tunnel = tunnel;
    this.#options = options;
    this.#reader = new WebSocketReader({
      from: options.role === "client" ? "server" : "client",
      maxMessage: options.maxMessage,
      onMessage: (message, isText) => {
        if (this.#isClosing) return;
        if (isText) throw new WebSocketError(WebSocketStatus.unsupportedData, "a message of text");
        this.#handler!.onMessage(message);
      },
      onPing: (payload) => this.#answer(payload),
      onClose: (status) => this.#handleClose(status),
    });
  }

  get handler(): MessageSocketHandler | undefined {
    return this.#handler;
  }

  set handler(handler: MessageSocketHandler | undefined) {
    const tunnel = this.#tunnel;
    this.#handler = handler;
    tunnel.onDrain = () => {
      this.#isFull = false;
      if (this.#ping !== undefined) this.#answer(this.#ping);
      if (!this.#isClosing) handler?.onDrain();
    };
    tunnel.onAbort = (reason) => this.#end(reason);
    tunnel.body.onReadable = this.#read;
    if (tunnel.aborted === undefined) this.#read();
    else this.#end(tunnel.aborted);
  }

  send(message: Uint8Array): boolean {
    if (!this.#isClosing) this.#write(Opcode.binary, message);
    return !this.#isFull;
  }

  close(status: number): void {
    if (this.#isClosing || this.#isOver) return;
    this.#sendClose(status);
    const onFault = (fault: Fault): void => this.#reset(fault.error);
    const giveUp = guard("websocket close timeout", onFault, () => this.#reset(new Error("the peer did not close")));
    this.#lingering = new Timer(giveUp, CLOSE_TIMEOUT, this.#options.clock).unref();
    if (this.#tunnel.body.state !== "open") this.#finish();
  }

  // ── Receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #read = (): void => {
    const { body } = this.#tunnel;
    try {
      for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) this.#reader.handle(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#sendClose(error.status);
      this.#end(error);
      return;
    }
    if (!this.#isOver && body.state !== "open") this.#end(new Error("the WebSocket ended without a Close frame"));
  };

  #next(): Uint8Array | undefined {
    return this.#isOver ? undefined : this.#tunnel.body.read();
  }

  #answer(payload: Uint8Array): void {
    this.#ping = this.#isFull ? payload : undefined;
    if (!this.#isFull && !this.#isClosing) this.#write(Opcode.pong, payload);
  }

  #handleClose(status: number): void {
    const { none, normal } = WebSocketStatus;
    // §5.5.1: a Close frame is answered with the same status.
    if (!this.#isClosing) this.#sendClose(status === none ? normal : status);
    this.#end(new Error(status === none ? "the peer closed the WebSocket" : `the peer closed with status ${status}`));
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #sendClose(status: number): void {
    if (this.#isClosing) return;
    this.#write(Opcode.close, closePayload(status));
    this.#isClosing = true;
    this.#tunnel.end();
  }

  #write(opcode: number, payload: Uint8Array): void {
    this.#isFull = !this.#tunnel.write(webSocketFrame(opcode, payload, this.#mask()));
  }

  /** §5.3: clients mask their frames, with bytes that cannot be predicted. */
  #mask(): Uint8Array | undefined {
    if (this.#options.role === "server") return undefined;
    const mask = new Uint8Array(4);
    systemRng.fill(mask);
    return mask;
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #reset(reason: Error): void {
    this.#tunnel.reset(reason);
    this.#finish();
  }

  #end(reason: Error): void {
    if (this.#isOver) return;
    const isOurs = this.#lingering !== undefined;
    this.#finish();
    if (!isOurs) this.#handler?.onEnd(reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.#lingering?.clear();
    this.#reader.stop();
    if (this.#tunnel.aborted !== undefined) return;
    this.#tunnel.end();
    this.#tunnel.stopReading();
  }
}
