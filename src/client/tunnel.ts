// A tunnel that the client requests: CONNECT (RFC 9110 §9.3.6), extended CONNECT (RFC 8441, RFC 9220), or Upgrade in
// HTTP/1.1. Once the server accepts, it has the interface of a server's tunnel.
import { ClientError, TunnelRefusedError } from "../host/client/errors.ts";
import type { ClientRequestHead, Field } from "../host/client/session.ts";
import { opensTunnel } from "../host/client/tunnel.ts";
import type { BodyState, RequestBody } from "../host/http/request-body.ts";
import type { Tunnel, TunnelDatagrams } from "../host/http/tunnel.ts";
import type { SessionStreams } from "../webtransport/h3/index.ts";
import { OutgoingBody } from "./body.ts";
import { Exchange, type ExchangeReceiver, type ResponseHead } from "./exchange.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";

/** Bytes above which reading from the server pauses, and above which `write` returns false. */
const BUFFER = 128 * 1024;
/** What is kept of the content of a refusal. */
const MAX_REFUSAL = 4096;

export interface TunnelRequest {
  readonly url: URL;
  /** `protocol` is undefined for a plain CONNECT, whose authority is the target. */
  readonly head: Pick<ClientRequestHead, "protocol" | "authority" | "fields">;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedTunnel {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly tunnel: Tunnel;
  /** What the tunnel runs in. */
  readonly exchange: Exchange;
}

/** Rejects with a `TunnelRefusedError` if the server answers anything else than 2xx or 101. */
export function openTunnel(origin: Origin, request: TunnelRequest, settings: ClientSettings): Promise<OpenedTunnel> {
  return new Promise((resolve, reject) => {
    const receiver = new TunnelReceiver(request, resolve, reject);
    const { url, signal } = request;
    const { protocol } = request.head;
    const head: ClientRequestHead = {
      ...request.head,
      method: protocol === undefined ? "CONNECT" : "GET",
      scheme: url.protocol === "https:" ? "https" : "http",
      path: url.pathname + url.search,
      isHalfOpen: true,
    };
    const body = OutgoingBody.readOnce(() => receiver.content(), undefined);
    // A tunnel may be silent for as long as its protocol likes.
    const limits = { ...settings, bodyTimeout: 0 };
    receiver.exchange = new Exchange(origin, { url, head, body, signal }, limits, receiver);
    receiver.exchange.enqueue();
  });
}

class TunnelReceiver implements ExchangeReceiver, Tunnel, RequestBody {
  exchange!: Exchange;
  readonly body: RequestBody = this;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onReadable: (() => void) | undefined;
  state: BodyState = "open";
  readonly trailers: readonly Field[] = [];

  readonly #request: TunnelRequest;
  readonly #resolve: (opened: OpenedTunnel) => void;
  readonly #reject: (error: unknown) => void;
  #refusal: { readonly head: ResponseHead; text: string } | undefined;
  #isOpen = false;
  #received: Uint8Array[] = [];
  #bytesReceived = 0;
  #hasReceivedAll = false;
  #discards = false;
  #toSend: Uint8Array[] = [];
  #bytesToSend = 0;
  #isEnded = false;
  #isFull = false;
  #onWritten: (() => void) | undefined;

  constructor(request: TunnelRequest, resolve: (opened: OpenedTunnel) => void, reject: (error: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get datagrams(): TunnelDatagrams | undefined {
    return this.exchange.datagrams;
  }

  get sessionStreams(): SessionStreams | undefined {
    return this.exchange.sessionStreams;
  }

  // ---- As a tunnel

  read(): Uint8Array | undefined {
    const chunk = this.#received.shift();
    if (chunk !== undefined) {
      this.#bytesReceived -= chunk.length;
      if (this.#bytesReceived < BUFFER) this.exchange.resume();
    } else if (this.#hasReceivedAll && this.state === "open") this.state = "ended";
    return chunk;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isEnded || this.aborted !== undefined) return false;
    if (chunk.length > 0) {
      this.#toSend.push(chunk);
      this.#bytesToSend += chunk.length;
      this.#wakeSender();
    }
    this.#isFull = this.#bytesToSend >= BUFFER;
    return !this.#isFull;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#wakeSender();
  }

  stopReading(): void {
    this.#discards = true;
    this.#received = [];
    this.#bytesReceived = 0;
    this.exchange.resume();
    if (this.state === "open") this.state = "aborted";
  }

  reset(reason: Error): void {
    if (this.aborted !== undefined) return;
    this.aborted = reason;
    this.#drop();
    this.exchange.abort(reason);
  }

  /** What the client sends through the tunnel. */
  async *content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#toSend.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#bytesToSend -= chunk.length;
        if (this.#isFull && this.#bytesToSend < BUFFER) {
          this.#isFull = false;
          this.onDrain?.();
        }
        continue;
      }
      if (this.#isEnded || this.aborted !== undefined) return;
      await new Promise<void>((resolve) => {
        this.#onWritten = resolve;
      });
    }
  }

  #wakeSender(): void {
    this.#onWritten?.();
    this.#onWritten = undefined;
  }

  // ---- As a receiver of the response

  onInformational(): void {}

  onHead(head: ResponseHead): void {
    if (!opensTunnel(head.status)) {
      this.#refusal = { head, text: "" };
      this.end();
      return;
    }
    this.#isOpen = true;
    this.#resolve({ status: head.status, fields: head.fields, tunnel: this, exchange: this.exchange });
  }

  onData(chunk: Uint8Array): void {
    if (this.#refusal !== undefined) {
      const room = MAX_REFUSAL - this.#refusal.text.length;
      this.#refusal.text += Buffer.from(chunk.subarray(0, Math.max(0, room))).toString("latin1");
      return;
    }
    if (this.#discards) return;
    this.#received.push(chunk);
    this.#bytesReceived += chunk.length;
    if (this.#bytesReceived >= BUFFER) this.exchange.pause();
    this.onReadable?.();
  }

  onEnd(): void {
    if (this.#refusal !== undefined) {
      const { head, text } = this.#refusal;
      this.#reject(new TunnelRefusedError(this.#request.url.href, head.status, head.fields, text));
      return;
    }
    this.#hasReceivedAll = true;
    if (this.#received.length === 0 && this.state === "open") this.state = "ended";
    this.onReadable?.();
  }

  onError(reason: unknown): void {
    const error = reason instanceof Error ? reason : new ClientError("CLIENT_CLOSED", "the tunnel was aborted");
    if (!this.#isOpen) {
      this.#drop();
      this.#reject(reason);
      return;
    }
    if (this.aborted !== undefined) return;
    this.aborted = error;
    this.#drop();
    this.onAbort?.(error);
  }

  #drop(): void {
    this.#received = [];
    this.#toSend = [];
    if (this.state === "open") {
      this.state = "aborted";
      this.onReadable?.();
    }
    this.#wakeSender();
  }
}
