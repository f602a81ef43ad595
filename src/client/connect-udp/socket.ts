// A tunnel for UDP with the shape of node:dgram's connected socket.
import { EventEmitter } from "node:events";
import { ClientError } from "../../host/client/errors.ts";
import type { Protocol } from "../../host/client/session.ts";
import { guard, reportFault } from "../../host/guard.ts";
import { targetHostText, type UdpTarget } from "../../http/connect-udp/index.ts";
import type { SendDatagramResult } from "../../quic/index.ts";
import type { OpenedUdpTunnel } from "./open.ts";

/** An address, in the shape of node:dgram's. */
export interface UdpAddress {
  /** An address, or for a target its name if that was given. */
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

/** The sender of a message: always the target. */
export interface UdpRemoteInfo extends UdpAddress {
  readonly size: number;
}

/** The events of a `UdpTunnelSocket`. */
export interface UdpSocketEvents {
  message: [message: Buffer, from: UdpRemoteInfo];
  /** The proxy, or the way to it, ended the tunnel. "close" follows. */
  error: [error: Error];
  close: [];
}

type SendCallback = (error: Error | null) => void;

/** Messages that arrive before the caller of `connectUdp` can listen; the oldest give way. */
const MAX_EARLY = 32;

/** Experimental. */
export class UdpTunnelSocket extends EventEmitter<UdpSocketEvents> {
  readonly #target: UdpTarget;
  #opened: OpenedUdpTunnel | undefined;
  #early: Buffer[] | undefined = [];
  #isClosed = false;

  constructor(target: UdpTarget) {
    super();
    this.#target = target;
  }

  /** The version of HTTP that carries it. */
  get protocol(): Protocol {
    return this.#opened!.protocol;
  }

  /** The largest message that can be sent now, in bytes. Over HTTP/3 it grows as the path's MTU is discovered. */
  get maxMessageSize(): number {
    return this.#opened!.tunnel.maxPayload;
  }

  /** Sends a message to the target. Without a callback, one that does not fit or finds no room is dropped, as UDP may. */
  send(message: Uint8Array | string, callback?: SendCallback): void;
  send(message: Uint8Array | string, offset: number, length: number, callback?: SendCallback): void;
  send(message: Uint8Array | string, from?: number | SendCallback, length?: number, last?: SendCallback): void {
    if (this.#isClosed) throw notRunning();
    const whole = typeof message === "string" ? Buffer.from(message) : message;
    const callback = typeof from === "function" ? from : last;
    const start = typeof from === "number" ? from : 0;
    const payload = whole.subarray(start, length === undefined ? undefined : start + length);
    const result = this.#opened!.tunnel.send(payload);
    if (callback !== undefined) process.nextTick(callback, this.#errorOf(result, payload.length));
  }

  /** The target, in the shape of node:dgram's. */
  remoteAddress(): UdpAddress {
    const address = targetHostText(this.#target);
    return { address, family: address.includes(":") ? "IPv6" : "IPv4", port: this.#target.port };
  }

  /** Unspecified: the address that the target sees is that of the proxy's socket. */
  address(): UdpAddress {
    const { family } = this.remoteAddress();
    return { address: family === "IPv6" ? "::" : "0.0.0.0", family, port: 0 };
  }

  /** 0: messages do not wait in the socket. */
  getSendQueueSize(): number {
    return 0;
  }

  /** Closes the tunnel. */
  close(callback?: () => void): this {
    if (this.#isClosed) throw notRunning();
    if (callback !== undefined) this.once("close", callback);
    this.#opened?.tunnel.close();
    this.#finish(undefined);
    return this;
  }

  /** Closes the tunnel, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) this.close();
  }

  /** The tunnel is open, and the socket about to be handed to the caller. */
  attach(opened: OpenedUdpTunnel): void {
    this.#opened = opened;
    // Once the caller has continued, and set its listeners.
    process.nextTick(
      guard(
        "client udp early",
        ({ error }) => this.handleClose(error),
        () => {
          const early = this.#early ?? [];
          this.#early = undefined;
          for (const message of early) this.#emitMessage(message);
        },
      ),
    );
  }

  /** A message from the target. */
  deliver(payload: Uint8Array): void {
    const message = Buffer.from(payload);
    if (this.#early === undefined) this.#emitMessage(message);
    else if (this.#early.push(message) > MAX_EARLY) this.#early.shift();
  }

  /** The other side has ended the tunnel. */
  handleClose(reason: Error | undefined): void {
    if (!this.#isClosed) this.#finish(reason);
  }

  #emitMessage(message: Buffer): void {
    if (!this.#isClosed) this.emit("message", message, { ...this.remoteAddress(), size: message.length });
  }

  #finish(reason: Error | undefined): void {
    this.#isClosed = true;
    const emit = (): void => {
      if (reason !== undefined && this.listenerCount("error") > 0) this.emit("error", reason);
      this.emit("close");
    };
    process.nextTick(guard("client udp closed", reportFault, emit));
  }

  #errorOf(result: SendDatagramResult, length: number): Error | null {
    switch (result) {
      case "queued":
        return null;
      case "too-large":
        return sendError("EMSGSIZE", `a message of ${length} bytes does not fit; ${this.maxMessageSize} would`);
      case "full":
        return sendError("ENOBUFS", "the tunnel has no room for the message now");
      default:
        return new ClientError("CONNECTION_LOST", "the tunnel has ended");
    }
  }
}

const sendError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

const notRunning = (): Error => sendError("ERR_SOCKET_DGRAM_NOT_RUNNING", "Not running");
