/** A ServerExchange over a request stream of HTTP/3 (RFC 9114 §4.1). */

import { H3_ERRORS, type H3Connection, type RequestHead } from "../../h3/index.ts";
import { type FieldSection, fieldValue } from "../../http/index.ts";
import type { StreamId } from "../../quic/index.ts";
import { type Fault, guard } from "../guard.ts";
import type {
  BodyState,
  ConnectionInfo,
  PeerAddress,
  RequestBody,
  RespondOptions,
  ServerExchange,
} from "../http/exchange.ts";
import { httpDate } from "./date.ts";

const EMPTY = new Uint8Array(0);
const NO_FIELDS: FieldSection = [];

/** What an exchange needs of the connection it belongs to. */
export interface H3ExchangeHost {
  readonly h3: H3Connection;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  readonly info: ConnectionInfo;
  /** Something was written, read or reset: it has to be sent. */
  wake(): void;
  /** Content was read: the end of the message may have come into sight. */
  pump(): void;
  onExchangeClosed(id: StreamId): void;
  readonly handleFault: (fault: Fault) => void;
}

/** Content that arrives on the stream; it stays there, holding the peer's credit, until it is read. */
class H3Body implements RequestBody {
  state: BodyState;
  trailers: FieldSection = NO_FIELDS;
  onReadable: (() => void) | undefined;
  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;

  constructor(host: H3ExchangeHost, id: StreamId, isEmpty: boolean) {
    this.#host = host;
    this.#id = id;
    this.state = isEmpty ? "ended" : "open";
  }

  read(): Uint8Array | undefined {
    if (this.state !== "open") return undefined;
    const chunk = this.#host.h3.readData(this.#id);
    this.#host.pump();
    return chunk?.bytes.length === 0 ? undefined : chunk?.bytes;
  }

  finish(): void {
    if (this.state !== "open") return;
    this.state = "ended";
    this.onReadable?.();
  }

  abort(): void {
    if (this.state !== "open") return;
    this.state = "aborted";
    this.onReadable?.();
  }
}

export class H3ServerExchange implements ServerExchange {
  readonly protocol = "h3";
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body: H3Body;
  status: number | undefined;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;

  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;
  /** Held until content follows or the caller's turn is over, so that a small answer is one write. */
  #heldFields: FieldSection | undefined;
  /** What the stream had no room for yet. */
  #waiting: Uint8Array[] = [];
  #ending: { readonly trailers: FieldSection | undefined } | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(host: H3ExchangeHost, id: StreamId, head: RequestHead, fin: boolean) {
    this.#host = host;
    this.#id = id;
    this.method = head.method;
    this.scheme = head.scheme ?? "https";
    this.authority = head.authority ?? "";
    this.path = head.path ?? "";
    this.fields = head.fields;
    this.body = new H3Body(host, id, fin);
  }

  get remoteAddress(): PeerAddress {
    return this.#host.remoteAddress;
  }

  get localAddress(): PeerAddress {
    return this.#host.localAddress;
  }

  get connection(): ConnectionInfo {
    return this.#host.info;
  }

  inform(status: number, fields: FieldSection): void {
    if (this.#isOver || this.status !== undefined) return;
    this.#host.h3.inform(this.#id, status, fields);
    this.#host.wake();
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.status !== undefined) throw new Error("the response has begun already");
    this.status = status;
    if (this.#isOver) return;
    const dated = fieldValue(fields, "date") === undefined ? [...fields, ["date", httpDate()] as const] : fields;
    this.#heldFields = dated;
    if (options?.endStream === true) {
      this.#write(EMPTY, true);
      this.#end();
      this.#host.wake();
    } else {
      queueMicrotask(
        guard("h3 head", this.#host.handleFault, () => {
          if (this.#heldFields === undefined || this.#isOver) return;
          this.#write(EMPTY, false);
          this.#host.wake();
        }),
      );
    }
  }

  /** Content, behind the head if that has not left yet. Says how much was accepted. */
  #write(bytes: Uint8Array, fin: boolean): number {
    const fields = this.#heldFields;
    if (fields === undefined) return this.#host.h3.writeData(this.#id, bytes, fin);
    this.#heldFields = undefined;
    return this.#host.h3.respond(this.#id, this.status!, fields, fin, bytes);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver || this.#ending !== undefined) return false;
    this.#send(chunk);
    this.#host.wake();
    return this.#waiting.length === 0;
  }

  end(last?: Uint8Array, trailers?: FieldSection): void {
    if (this.#isOver || this.#ending !== undefined) return;
    if (last !== undefined && trailers === undefined && this.#waiting.length === 0) {
      const accepted = this.#write(last, true);
      if (accepted < last.length) this.#waiting.push(last.subarray(accepted));
      else this.#isEnded = true;
    } else if (last !== undefined) {
      this.#send(last);
    }
    this.#ending = { trailers };
    if (this.#isEnded) this.#end();
    else if (this.#waiting.length === 0) this.#finish();
    this.#host.wake();
  }

  reset(reason: Error): void {
    if (this.#isClosed) return;
    this.aborted ??= reason;
    this.#host.h3.cancel(this.#id, H3_ERRORS.H3_INTERNAL_ERROR.code);
    this.#host.wake();
    this.#close();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#isEnded || this.aborted !== undefined;
  }

  #send(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#waiting.length > 0) {
      this.#waiting.push(chunk);
      return;
    }
    const accepted = this.#write(chunk, false);
    if (accepted < chunk.length) this.#waiting.push(chunk.subarray(accepted));
  }

  /** All content is out: trailers, or just the end. */
  #finish(): void {
    const trailers = this.#ending?.trailers;
    if (trailers === undefined || trailers.length === 0) {
      this.#write(EMPTY, true);
    } else {
      if (this.#heldFields !== undefined) this.#write(EMPTY, false);
      this.#host.h3.sendTrailers(this.#id, trailers);
    }
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    this.#waiting = [];
    // RFC 9114 §4.1: having answered in full, ask the client to stop sending what nobody will read.
    if (this.body.state === "open") this.#host.h3.stopReading(this.#id, H3_ERRORS.H3_NO_ERROR.code);
    this.#close();
  }

  // ── What the connection tells ─────────────────────────────────────────────────────────────────────────────────────

  handleData(): void {
    this.body.onReadable?.();
  }

  handleWritable(): void {
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting[0]!;
      const isLast = this.#waiting.length === 1 && this.#ending !== undefined && this.#ending.trailers === undefined;
      const accepted = this.#host.h3.writeData(this.#id, chunk, isLast);
      if (accepted < chunk.length) {
        this.#waiting[0] = chunk.subarray(accepted);
        return;
      }
      this.#waiting.shift();
      if (isLast) {
        this.#end();
        return;
      }
    }
    if (this.#ending !== undefined) this.#finish();
    else this.onDrain?.();
  }

  handleTrailers(fields: FieldSection): void {
    this.body.trailers = fields;
  }

  handleFinished(): void {
    this.body.finish();
  }

  /** The peer, or the connection, gave up. */
  abort(reason: Error): void {
    this.body.abort();
    if (this.#isClosed || this.aborted !== undefined) return;
    this.aborted = reason;
    this.#waiting = [];
    this.onAbort?.(reason);
    // Nothing more comes of it: the stream's two halves are given up, and the client may have another for it.
    this.#host.h3.cancel(this.#id);
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Whoever still reads the request must not wait for what will not come.
    this.body.abort();
    this.#host.onExchangeClosed(this.#id);
    this.onClose?.();
  }
}
