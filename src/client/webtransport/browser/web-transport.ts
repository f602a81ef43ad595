/**
 * The W3C's WebTransport for pages: the browser's own if it works, otherwise a WebSocket. The streams of the chosen session are
 * given to the application as they are; only what exists before the choice (datagrams, incoming streams) leads to it.
 */

import { sessionError, type WebTransportError } from "../../../host/webtransport/error.ts";
import type { WebTransportReceiveStream } from "../../../host/webtransport/receive-stream.ts";
import type { WebTransportSendGroup, WebTransportSendStream } from "../../../host/webtransport/send-stream.ts";
import type { WebTransportBidirectionalStream } from "../../../host/webtransport/streams.ts";
import type {
  CreateStreamOptions,
  WebTransportCloseInfo,
  WebTransportConnectionStats,
} from "../../../host/webtransport/web-transport-session.ts";
import { checkedProtocols, parseUrl, type SharedWebTransportOptions } from "../arguments.ts";
import type { ChosenSession } from "./chosen-session.ts";
import { WebTransportDatagrams } from "./datagrams.ts";
import { forwardReadable } from "./forwarding.ts";
import { QmuxTransport } from "./qmux-transport.ts";

/** Milliseconds before a WebSocket is tried too. */
const HEAD_START = 500;

/** The browser's own class. Taken before `install` may have put ours in its place. */
const { WebTransport: Native } = globalThis as unknown as {
  readonly WebTransport?: new (url: string, options: SharedWebTransportOptions) => ChosenSession;
};

/** The W3C's class: a session over HTTP/3 by the browser itself, or over a WebSocket. `reliability` says which. */
export class WebTransport {
  /** True: sessions may run over a connection where nothing is lost. */
  static readonly supportsReliableOnly = true;
  readonly ready: Promise<void>;
  readonly closed: Promise<Required<WebTransportCloseInfo>>;
  readonly draining: Promise<void>;
  readonly datagrams: WebTransportDatagrams;
  readonly incomingBidirectionalStreams: ReadableStream<WebTransportBidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<WebTransportReceiveStream>;
  readonly #chosen: Promise<ChosenSession>;
  readonly #candidates: ChosenSession[] = [];
  #session: ChosenSession | undefined;
  #abandon!: (error: WebTransportError) => void;

  constructor(url: string | URL, options: SharedWebTransportOptions = {}) {
    const parsed = parseUrl(url);
    const protocols = checkedProtocols(options.protocols ?? []);
    // The browser's own checks of the options throw here.
    const native = Native && new Native(parsed.href, options);
    this.#chosen = this.#choose(native, () => new QmuxTransport(parsed, protocols), options.requireUnreliable === true);
    this.ready = this.#chosen.then(() => undefined);
    this.closed = this.#chosen.then(({ closed }) => closed);
    this.draining = this.#chosen.then(({ draining }) => draining ?? new Promise<void>(() => {}));
    for (const each of [this.#chosen, this.ready, this.closed, this.draining]) each.catch(() => {});
    this.datagrams = new WebTransportDatagrams(this.#chosen);
    this.incomingBidirectionalStreams = forwardReadable(this.#then("incomingBidirectionalStreams"));
    this.incomingUnidirectionalStreams = forwardReadable(this.#then("incomingUnidirectionalStreams"));
  }

  get protocol(): string {
    return this.#session?.protocol ?? "";
  }

  /** What carries the session: HTTP/3 ("supports-unreliable"), or a WebSocket ("reliable-only"). */
  get reliability(): "pending" | "supports-unreliable" | "reliable-only" {
    if (this.#session === undefined) return "pending";
    return this.#session instanceof QmuxTransport ? "reliable-only" : "supports-unreliable";
  }

  /** Opens a stream in both directions. */
  async createBidirectionalStream(options: CreateStreamOptions = {}): Promise<WebTransportBidirectionalStream> {
    return (await this.#chosen).createBidirectionalStream(options);
  }

  /** Opens a stream to the peer. */
  async createUnidirectionalStream(options: CreateStreamOptions = {}): Promise<WebTransportSendStream> {
    return (await this.#chosen).createUnidirectionalStream(options);
  }

  /** Makes a group, within which streams have a send order. The session must be ready. */
  createSendGroup(): WebTransportSendGroup {
    if (this.#session?.createSendGroup === undefined) {
      throw new DOMException("the session is not ready, or the browser has no send groups", "InvalidStateError");
    }
    return this.#session.createSendGroup();
  }

  /** Figures of the session so far, as far as the browser has them. */
  async getStats(): Promise<Partial<WebTransportConnectionStats>> {
    return (await (await this.#chosen).getStats?.()) ?? {};
  }

  /** The fields of the server's response, if the browser tells. */
  get responseHeaders(): Headers | null {
    return this.#session?.responseHeaders ?? null;
  }

  /** Keying material that belongs to this session, if the browser has it; there is none over a WebSocket. */
  async exportKeyingMaterial(
    label: ArrayBuffer | ArrayBufferView,
    context: ArrayBuffer | ArrayBufferView,
    outputLength: number,
  ): Promise<Uint8Array> {
    const session = await this.#chosen;
    if (session.exportKeyingMaterial !== undefined) return session.exportKeyingMaterial(label, context, outputLength);
    throw new DOMException("this browser exports no keying material", "NotSupportedError");
  }

  /** Ends the session. */
  close(info: WebTransportCloseInfo = {}): void {
    if (this.#session === undefined) this.#abandon(sessionError("the session was closed before it was ready"));
    else this.#session.close(info);
  }

  async #then<K extends "incomingBidirectionalStreams" | "incomingUnidirectionalStreams">(
    name: K,
  ): Promise<ChosenSession[K]> {
    return (await this.#chosen)[name];
  }

  /** The first session that is ready; the other one is closed. If there is none, the error is that of the first. */
  #choose(
    native: ChosenSession | undefined,
    openSocket: () => ChosenSession,
    isUnreliable: boolean,
  ): Promise<ChosenSession> {
    return new Promise((resolve, reject) => {
      let failed = 0;
      let first: unknown;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let isSettled = false;
      const settle = (chosen: ChosenSession | undefined): void => {
        isSettled = true;
        clearTimeout(timer);
        this.#session = chosen;
        for (const each of this.#candidates) if (each !== chosen) each.close();
      };
      const count = isUnreliable ? 1 : 2;
      const fail = (error: unknown): void => {
        if (isSettled) return;
        first ??= error;
        failed += 1;
        if (failed < count) {
          startSocket();
          return;
        }
        settle(undefined);
        reject(first);
      };
      const start = (session: ChosenSession): void => {
        this.#candidates.push(session);
        session.closed.catch(() => {});
        const won = (): void => {
          if (isSettled) return;
          settle(session);
          resolve(session);
        };
        session.ready.then(won, fail);
      };
      let isStarted = false;
      const startSocket = (): void => {
        clearTimeout(timer);
        if (isStarted || isSettled) return;
        isStarted = true;
        start(openSocket());
      };
      this.#abandon = (error) => {
        if (isSettled) return;
        settle(undefined);
        reject(error);
      };
      if (native !== undefined) {
        if (!isUnreliable) timer = setTimeout(startSocket, HEAD_START);
        start(native);
      } else fail(sessionError("this browser has no WebTransport"));
    });
  }
}
