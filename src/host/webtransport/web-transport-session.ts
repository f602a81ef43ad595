/**
 * A session with the interface of the W3C's WebTransport, for both roles: the browser's class without its constructor. A
 * server gets it from `context.webtransport`, and the client's `WebTransport` is one that connects first.
 */

import type { FieldSection } from "../../http/index.ts";
import { isServerInitiated, isUnidirectional, type StreamDirection, type StreamId } from "../../quic/transport.ts";
import { MAX_EXPORTER_FIELD } from "../../webtransport/h3/exporter-context.ts";
import type { CloseInfo, Session, SessionCounts, SessionEvent } from "../../webtransport/index.ts";
import type { HostClock } from "../clock.ts";
import type { Fault } from "../guard.ts";
import { WebTransportDatagramDuplexStream, type WebTransportDatagramStats } from "./datagrams.ts";
import { sessionError, type WebTransportError } from "./error.ts";
import { IncomingStreams } from "./incoming-streams.ts";
import {
  MAX_SHOWN_STREAMS,
  SESSIONS,
  type SessionAbout,
  type StreamInspection,
  type WebTransportInspection,
} from "./inspection.ts";
import { ReceiveHalf, type WebTransportReceiveStream } from "./receive-stream.ts";
import {
  copyOf,
  SendHalf,
  type SendStreamOptions,
  WebTransportSendGroup,
  type WebTransportSendStream,
} from "./send-stream.ts";
import { WebTransportBidirectionalStream } from "./streams.ts";

/** Why a session closed. */
export interface WebTransportCloseInfo {
  /** 0 to 2^32 - 1. Default: 0. */
  readonly closeCode?: number;
  /** At most 1,024 bytes as UTF-8. */
  readonly reason?: string;
}

/** The options of a new stream. */
export interface CreateStreamOptions extends SendStreamOptions {
  /** True to wait while the peer allows no more streams; otherwise it is a QuotaExceededError. Default: false. */
  readonly waitUntilAvailable?: boolean;
}

/** What a session's connection has sent and received. */
export interface WebTransportConnectionStats {
  /** Milliseconds; undefined if the carrier does not measure it. */
  readonly smoothedRtt: number | undefined;
  readonly minRtt: number | undefined;
  readonly datagrams: WebTransportDatagramStats;
}

/** What a session needs to know of its connection. */
export interface SessionSurroundings {
  readonly about: SessionAbout;
  readonly clock: HostClock;
  /** Ends what carries the session. */
  readonly onFault: (fault: Fault) => void;
  /** The subprotocol that both sides agreed on; "" if none. */
  readonly protocol: string;
  /** At a client. */
  readonly responseFields?: FieldSection;
  /** "reliable-only" if everything goes over TCP, where datagrams arrive late instead of never. */
  readonly reliability: "supports-unreliable" | "reliable-only";
  /** Milliseconds. */
  readonly rtt: () => { readonly smoothed: number | undefined; readonly min: number | undefined };
}

/** Takes what a session brings instead of its web streams: for protocols that are machines themselves. */
export interface SessionHandler {
  /** The session is there. */
  begin(session: Session, surroundings: SessionSurroundings): void;
  /** Everything that happens, its end included. */
  handle(event: SessionEvent): void;
  /** There will be no session, or it was cut off: what ends without an event. */
  fail(error: Error): void;
}

/** A session, at either side. */
export class WebTransportSession {
  /** Resolves when the session can be used. */
  readonly ready: Promise<void>;
  /** Resolves with the code and reason of an orderly end; rejects if the session was cut off. */
  readonly closed: Promise<Required<WebTransportCloseInfo>>;
  /** Resolves if the peer would like the session to end soon. */
  readonly draining: Promise<void>;
  /** Datagrams: they may be lost, and arrive in any order. */
  readonly datagrams: WebTransportDatagramDuplexStream;
  readonly incomingBidirectionalStreams: ReadableStream<WebTransportBidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<WebTransportReceiveStream>;
  #session: Session | undefined;
  #surroundings: SessionSurroundings | undefined;
  #handler: SessionHandler | undefined;
  readonly #senders = new Map<StreamId, SendHalf>();
  readonly #receivers = new Map<StreamId, ReceiveHalf>();
  readonly #forgetSender = (id: StreamId): unknown => this.#senders.delete(id);
  readonly #forgetReceiver = (id: StreamId): unknown => this.#receivers.delete(id);
  readonly #incoming = {
    bidi: new IncomingStreams<WebTransportBidirectionalStream>(),
    uni: new IncomingStreams<WebTransportReceiveStream>(),
  };
  /** Those that wait for the peer to allow another stream. */
  readonly #waiting: Record<StreamDirection, (() => void)[]> = { bidi: [], uni: [] };
  #resolveReady!: () => void;
  #rejectReady!: (reason: unknown) => void;
  #resolveClosed!: (info: CloseInfo) => void;
  #rejectClosed!: (reason: unknown) => void;
  #resolveDraining!: () => void;
  #end: { readonly info: CloseInfo | undefined; readonly error: WebTransportError | undefined } | undefined;
  #responseHeaders: Headers | undefined;
  #number = 0;
  /** Milliseconds since 1970. */
  #openedAt = 0;
  #endedAt: number | undefined;

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    this.draining = new Promise((resolve) => {
      this.#resolveDraining = resolve;
    });
    // Not everybody waits for both.
    this.ready.catch(() => undefined);
    this.closed.catch(() => undefined);
    this.datagrams = new WebTransportDatagramDuplexStream(this.ready);
    this.incomingBidirectionalStreams = this.#incoming.bidi.readable;
    this.incomingUnidirectionalStreams = this.#incoming.uni.readable;
  }

  /** The subprotocol that both sides agreed on; "" if none. */
  get protocol(): string {
    return this.#surroundings?.protocol ?? "";
  }

  /** At a client, once it is ready: the fields of the server's response. */
  get responseHeaders(): Headers | null {
    const { responseFields } = this.#surroundings ?? {};
    if (responseFields === undefined) return null;
    this.#responseHeaders ??= new Headers(responseFields.map(([name, value]): [string, string] => [name, value]));
    return this.#responseHeaders;
  }

  /** What carries the session: HTTP/3 ("supports-unreliable"), or a WebSocket ("reliable-only"). */
  get reliability(): "pending" | "supports-unreliable" | "reliable-only" {
    return this.#surroundings?.reliability ?? "pending";
  }

  /** Opens a stream in both directions. */
  async createBidirectionalStream(options: CreateStreamOptions = {}): Promise<WebTransportBidirectionalStream> {
    const id = await this.#open("bidi", options);
    return this.#bidi(id, options);
  }

  /** Opens a stream to the peer. */
  async createUnidirectionalStream(options: CreateStreamOptions = {}): Promise<WebTransportSendStream> {
    const id = await this.#open("uni", options);
    return this.#sender(id, options).stream;
  }

  /** Makes a group, within which streams have a send order. */
  createSendGroup(): WebTransportSendGroup {
    return new WebTransportSendGroup();
  }

  /** Figures of the session so far. */
  async getStats(): Promise<WebTransportConnectionStats> {
    const { counts } = this.#readySession();
    const { smoothed, min } = this.#surroundings!.rtt();
    return { smoothedRtt: smoothed, minRtt: min, datagrams: this.#datagramStats(counts) };
  }

  /**
   * Keying material of the TLS connection that belongs to this session: both sides derive the same bytes from the same label and
   * context of at most 255 bytes each, and nobody else can. At most 4,096 bytes. Over HTTP/3 only: a NotSupportedError otherwise.
   */
  async exportKeyingMaterial(
    label: ArrayBuffer | ArrayBufferView,
    context: ArrayBuffer | ArrayBufferView,
    outputLength: number,
  ): Promise<Uint8Array> {
    // The application may change its buffers while the session is not ready.
    const [ownLabel, ownContext] = [exporterField("label", label), exporterField("context", context)];
    if (!Number.isInteger(outputLength) || outputLength < 1 || outputLength > MAX_EXPORTED) {
      throw new RangeError(`outputLength must be an integer from 1 to ${MAX_EXPORTED}`);
    }
    await this.ready.catch(() => undefined);
    if (this.#end !== undefined) throw new DOMException("the session has ended", "InvalidStateError");
    const material = this.#session?.exportKeyingMaterial(ownLabel, ownContext, outputLength);
    if (material !== undefined) return material;
    throw new DOMException(
      `a session over ${this.#surroundings!.about.carrier} has no keying material`,
      "NotSupportedError",
    );
  }

  /** Beyond the W3C: everything that is known of the session now, once it is `ready`. */
  inspect(): WebTransportInspection {
    const session = this.#readySession();
    const { about, protocol, rtt } = this.#surroundings!;
    const { outgoing, incoming, resets, stops, bytesSent, bytesReceived, ...counts } = session.counts;
    const { bidi, uni } = this.#incoming;
    const end = this.#end;
    const going = session.isDraining ? "draining" : "open";
    const shown = this.#shownStreams();
    return {
      ...about,
      id: this.#number,
      protocol,
      state: end === undefined ? going : end.error === undefined ? "closed" : "cut off",
      openedAt: this.#openedAt,
      endedAt: this.#endedAt,
      closeCode: end?.info?.closeCode,
      reason: end === undefined ? undefined : (end.error?.message ?? end.info!.reason),
      smoothedRtt: rtt().smoothed,
      streams: {
        outgoing,
        incoming,
        open: shown.open,
        waiting: bidi.waiting + uni.waiting,
        dropped: bidi.dropped + uni.dropped,
        reset: resets,
        stopped: stops,
      },
      bytesSent,
      bytesReceived,
      datagrams: this.#datagramStats(counts),
      openStreams: shown.first,
    };
  }

  /** Asks the peer to end the session soon. Everything goes on until either side closes it. */
  drain(): void {
    this.#session?.drain();
  }

  /** Ends the session; a longer reason is cut. */
  close({ closeCode = 0, reason = "" }: WebTransportCloseInfo = {}): void {
    if (this.#end !== undefined) return;
    if (this.#session === undefined) {
      this.fail(sessionError("the session was closed before it was ready"));
      return;
    }
    this.#session.close({ closeCode, reason });
    this.#poll();
  }

  // ── For the owner ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal Hands everything to a handler, and nothing to web streams. Call it before the session begins. */
  divert(handler: SessionHandler): void {
    this.#handler = handler;
  }

  /** @internal The session is there. */
  begin(session: Session, surroundings: SessionSurroundings): void {
    if (this.#end !== undefined) {
      session.close();
      return;
    }
    this.#session = session;
    this.#surroundings = surroundings;
    this.#number = SESSIONS.begin(this);
    this.#openedAt = surroundings.clock.date();
    const { clock } = surroundings;
    const onFault = (fault: Fault): void => {
      surroundings.onFault(fault);
      this.fail(sessionError(`the session failed: ${fault.error.message}`));
    };
    this.datagrams.begin(session, clock, onFault);
    this.#resolveReady();
    this.#handler?.begin(session, surroundings);
    session.onEvent = () => this.#poll();
  }

  /** @internal There will be no session, or it is over. */
  fail(error: WebTransportError): void {
    this.#finish(undefined, error);
  }

  #readySession(): Session {
    if (this.#session === undefined) throw new DOMException("the session is not ready", "InvalidStateError");
    return this.#session;
  }

  #datagramStats(counts: Pick<SessionCounts, "datagramsSent" | "datagramsReceived">): WebTransportDatagramStats {
    const { droppedIncoming, expiredIncoming, droppedOutgoing } = this.datagrams;
    const { datagramsSent: sent, datagramsReceived: received } = counts;
    return { sent, received, droppedIncoming, expiredIncoming, droppedOutgoing };
  }

  #shownStreams(): { readonly open: number; readonly first: readonly StreamInspection[] } {
    const ids = new Set([...this.#senders.keys(), ...this.#receivers.keys()]);
    const isOurs = (id: StreamId): boolean => isServerInitiated(id) === (this.#surroundings!.about.role === "server");
    const first = [...ids].slice(0, MAX_SHOWN_STREAMS).map(
      (id): StreamInspection => ({
        id,
        direction: isUnidirectional(id) ? "uni" : "bidi",
        openedBy: isOurs(id) ? "this side" : "the peer",
        bytesSent: this.#senders.get(id)?.bytesWritten,
        bytesReceived: this.#receivers.get(id)?.bytesRead,
      }),
    );
    return { open: ids.size, first };
  }

  async #open(direction: StreamDirection, { waitUntilAvailable = false }: CreateStreamOptions): Promise<StreamId> {
    await this.ready;
    const session = this.#readySession();
    for (;;) {
      if (this.#end !== undefined) throw this.#end.error ?? sessionError("the session has ended");
      const id = session.openStream(direction);
      if (id !== undefined) return id;
      if (!waitUntilAvailable) {
        throw new DOMException(`the peer allows no more ${NAMES[direction]} streams now`, "QuotaExceededError");
      }
      await new Promise<void>((retry) => {
        this.#waiting[direction].push(retry);
      });
    }
  }

  #sender(id: StreamId, options: SendStreamOptions): SendHalf {
    const half = new SendHalf(this.#session!, id, options, this.#forgetSender);
    this.#senders.set(id, half);
    return half;
  }

  #receiver(id: StreamId): ReceiveHalf {
    const half = new ReceiveHalf(this.#session!, id, this.#forgetReceiver);
    this.#receivers.set(id, half);
    return half;
  }

  #bidi(id: StreamId, options: SendStreamOptions): WebTransportBidirectionalStream {
    return new WebTransportBidirectionalStream(this.#receiver(id).stream, this.#sender(id, options).stream);
  }

  #handleStream(id: StreamId, direction: StreamDirection): void {
    const receiver = this.#receiver(id);
    if (direction === "uni") {
      this.#incoming.uni.push(receiver.stream, [receiver]);
      return;
    }
    const sender = this.#sender(id, {});
    this.#incoming.bidi.push(new WebTransportBidirectionalStream(receiver.stream, sender.stream), [receiver, sender]);
  }

  #poll(): void {
    const session = this.#session!;
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) this.#handle(event);
  }

  #handle(event: SessionEvent): void {
    if (this.#handler !== undefined) {
      this.#handler.handle(event);
      if (event.type !== "closed" && event.type !== "draining") return;
    }
    switch (event.type) {
      case "stream":
        this.#handleStream(event.id, event.direction);
        break;
      case "readable":
        this.#receivers.get(event.id)?.handleReadable();
        break;
      case "writable":
        this.#senders.get(event.id)?.handleWritable();
        break;
      case "reset":
        this.#receivers.get(event.id)?.handleReset(event.code);
        break;
      case "stopped":
        this.#senders.get(event.id)?.handleStopped(event.code);
        break;
      case "finished":
        this.#senders.get(event.id)?.handleFinished();
        break;
      case "streams-available":
        for (const retry of this.#waiting[event.direction].splice(0)) retry();
        break;
      case "datagram":
        this.datagrams.receive(event.payload);
        break;
      case "draining":
        this.#resolveDraining();
        break;
      case "closed":
        this.#finish(event.info, event.error && sessionError(`the session was cut off: ${event.error.message}`));
        break;
    }
  }

  #finish(info: CloseInfo | undefined, error: WebTransportError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { info, error };
    if (error !== undefined) this.#handler?.fail(error);
    const ended = error ?? sessionError("the session has ended");
    for (const half of [...this.#senders.values(), ...this.#receivers.values()]) half.fail(ended);
    this.#incoming.bidi.end(error);
    this.#incoming.uni.end(error);
    this.datagrams.end(error);
    if (this.#session !== undefined) {
      this.#endedAt = this.#surroundings!.clock.date();
      SESSIONS.end(this);
    }
    for (const retry of [...this.#waiting.bidi.splice(0), ...this.#waiting.uni.splice(0)]) retry();
    if (error === undefined) this.#resolveClosed(info!);
    else this.#rejectClosed(error);
    this.#rejectReady(ended);
  }
}

/** Bytes of keying material that can be exported at once: the W3C's least. */
const MAX_EXPORTED = 4096;

/** A copy; at most as long as a byte can say. */
function exporterField(name: string, field: unknown): Uint8Array {
  const bytes = copyOf(field);
  if (bytes.length > MAX_EXPORTER_FIELD) throw new RangeError(`the ${name} has more than ${MAX_EXPORTER_FIELD} bytes`);
  return bytes;
}

const NAMES = { bidi: "bidirectional", uni: "unidirectional" } as const;
