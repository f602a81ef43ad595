/** A tunnel on an HTTP/3 request stream (RFC 9114 §4.4, RFC 9220), with its bytes in DATA frames. */

import { H3_ERRORS } from "../../h3/index.ts";
import { CapsuleError } from "../../http/capsules/index.ts";
import type { StreamId } from "../../quic/index.ts";
import { SessionError, type SessionStreams } from "../../webtransport/h3/index.ts";
import { WT_ERRORS } from "../../webtransport/index.ts";
import { sameVarInt, type VarInt } from "../../wire/varint.ts";
import type { Tunnel, TunnelOffer } from "../http/tunnel.ts";
import type { H3Body, H3ExchangeHost, H3StreamHandler } from "./h3-stream.ts";
import type { H3TunnelDatagrams } from "./h3-tunnel-datagrams.ts";

const EMPTY = new Uint8Array(0);

/** What belongs to a tunnel besides its bytes. */
export interface TunnelParts {
  readonly datagrams: H3TunnelDatagrams | undefined;
  readonly sessionStreams: SessionStreams | undefined;
}

export class H3Tunnel implements Tunnel, H3StreamHandler {
  readonly body: H3Body;
  readonly datagrams: H3TunnelDatagrams | undefined;
  readonly sessionStreams: SessionStreams | undefined;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onShutdown: (() => void) | undefined;
  onDeadline: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;
  readonly #resetCode: number;
  readonly #onClose: (aborted: Error | undefined) => void;
  #isEnded = false;
  #isClosed = false;

  constructor(
    host: H3ExchangeHost,
    id: StreamId,
    body: H3Body,
    offer: TunnelOffer,
    { datagrams, sessionStreams }: TunnelParts,
    onClose: (aborted: Error | undefined) => void,
  ) {
    this.#host = host;
    this.#id = id;
    this.body = body;
    this.datagrams = datagrams;
    this.sessionStreams = sessionStreams;
    this.#onClose = onClose;
    // RFC 9114 §4.4: the target's connection failed. RFC 9220 §3: an extended CONNECT is cancelled.
    this.#resetCode = (offer.protocol === undefined ? H3_ERRORS.H3_CONNECT_ERROR : H3_ERRORS.H3_REQUEST_CANCELLED).code;
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnded) return false;
    if (chunk.length === 0) return true;
    const hasRoom = this.#host.h3.writeData(this.#id, chunk, false);
    return hasRoom;
  }

  end(): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#host.h3.writeData(this.#id, EMPTY, true);
    this.#closeIfDone();
  }

  stopReading(): void {
    if (this.body.state !== "open") return;
    this.#host.h3.stopReading(this.#id, H3_ERRORS.H3_NO_ERROR.code);
    this.body.abort();
    this.#closeIfDone();
  }

  reset(reason: Error): void {
    this.#cutOff(reason);
  }

  handleShutdown(): void {
    if (!this.#isClosed) this.onShutdown?.();
  }

  handleDeadline(): void {
    if (!this.#isClosed) this.onDeadline?.();
  }

  handleData(): void {
    this.body.onReadable?.();
  }

  handleWritable(): void {
    if (!this.#isClosed && !this.#isEnded) this.onDrain?.();
  }

  handleDatagram(payload: Uint8Array): void {
    if (!this.#isClosed) this.datagrams?.handle(payload);
  }

  handleFinished(): void {
    this.body.finish();
    this.#closeIfDone();
  }

  handleStopped(code: VarInt): void {
    // draft-ietf-webtrans-http3 §6: the side that closes a session may say that it reads no more. Why it closes is still to come.
    if (this.sessionStreams !== undefined && sameVarInt(code, WT_ERRORS.WT_SESSION_GONE)) this.end();
    else this.abort(new Error("the client reads no more of the tunnel"));
  }

  abort(reason: Error): void {
    if (this.#isClosed) return;
    this.#cutOff(reason);
    this.onAbort?.(reason);
  }

  #cutOff(reason: Error): void {
    if (this.#isClosed) return;
    this.aborted = reason;
    this.#host.h3.cancel(this.#id, this.#codeFor(reason));
    this.#close();
  }

  #codeFor(reason: Error): number {
    if (reason instanceof SessionError) return reason.code;
    // RFC 9297 §3.3
    return reason instanceof CapsuleError ? H3_ERRORS.H3_MESSAGE_ERROR.code : this.#resetCode;
  }

  #closeIfDone(): void {
    if (this.#isEnded && this.body.state !== "open") this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.body.abort();
    this.sessionStreams?.close();
    this.#host.onExchangeClosed(this.#id);
    this.#onClose(this.aborted);
  }
}
