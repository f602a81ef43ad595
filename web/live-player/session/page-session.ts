/** A session with a relay, opened again whenever it ends: in the page there is a relay of its own, whose only viewer is the player. */

import { pageClock } from "../../../src/client/webtransport/browser/clock.ts";
import { WebTransport, type WebTransportHash } from "../../../src/client/webtransport/browser/index.ts";
import { isSegmentProtocol, LIVE_PROTOCOLS, LiveHost } from "../../../src/host/live/live-relay.ts";
import { broadcastUrl, namespaceOf } from "../../../src/host/live/names.ts";
import { MachineTimer } from "../../../src/host/machine-timer.ts";
import { EVERYTHING, MoqPeer, SEGMENT_PROTOCOLS } from "../../../src/media/relay/index.ts";
import { PageCarrier } from "./page-carrier.ts";

/** Milliseconds before another attempt: doubled each time. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 8_000;
/** Bytes of media that the page keeps: it does not rewind by them. */
const CACHE_BYTES = 8 * 1024 * 1024;
/** Milliseconds for which tracks wait for a session that is lost, and for a publisher that is not there yet. */
export const PATIENCE = 3_600_000;

/** Where a session leads. */
export interface PageSessionOptions {
  /** Of the relay. A token may stand in its query. */
  readonly url: string;
  /** Of the broadcast: the relay is asked for its tracks. */
  readonly name: string;
  /** The dialects to offer, the best first, of the kind of the first; MoQ Transport's drafts by default. */
  readonly protocols?: readonly string[] | undefined;
  readonly serverCertificateHashes?: readonly WebTransportHash[] | undefined;
  readonly onEvent: (event: PageSessionEvent) => void;
}

export type PageSessionEvent =
  | { readonly type: "connecting" }
  /** `path` is "HTTP/3" or "WebSocket"; `dialect` is the subprotocol. */
  | { readonly type: "connected"; readonly dialect: string; readonly path: "HTTP/3" | "WebSocket" }
  /** `retryIn` is in milliseconds. */
  | { readonly type: "lost"; readonly message: string; readonly retryIn: number };

/** The dialects that a page speaks, as subprotocols of WebTransport. */
export const DIALECTS: readonly string[] = [...LIVE_PROTOCOLS, ...SEGMENT_PROTOCOLS];

export class PageSession {
  readonly host: LiveHost;
  readonly #options: PageSessionOptions;
  readonly #protocols: readonly string[];
  readonly #url: string;
  readonly #timer: MachineTimer;
  #delay = FIRST_DELAY;
  #transport: WebTransport | undefined;
  #isClosed = false;

  constructor(options: PageSessionOptions) {
    this.#options = options;
    const { url, name, protocols = LIVE_PROTOCOLS } = options;
    // Sessions of Warp and of the base draft are of one broadcast, which their URL names: both kinds cannot be offered together.
    const isOfOne = isSegmentProtocol(protocols[0]!);
    this.#protocols = protocols.filter((each) => isSegmentProtocol(each) === isOfOne);
    this.#url = isOfOne ? broadcastUrl(url, name) : url;
    const onFault = ({ error }: { readonly error: unknown }): void => reportError(error);
    this.host = new LiveHost(
      { cacheBytes: CACHE_BYTES, maxRendezvous: PATIENCE, absence: PATIENCE },
      onFault,
      pageClock,
    );
    this.#timer = new MachineTimer(onFault, () => this.#connect(), pageClock);
    // Not in the constructor: the first events need listeners.
    queueMicrotask(() => this.#connect());
  }

  /** The network changed, or the device woke up: tries at once, and replaces a session that may be dead. */
  refresh(): void {
    if (this.#isClosed) return;
    this.#delay = FIRST_DELAY;
    if (this.#transport === undefined) this.#connect();
    else this.#transport.close({ reason: "the network changed" });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.set(undefined);
    this.host.close("the player leaves");
    this.#transport?.close();
    this.#transport = undefined;
  }

  #connect(): void {
    if (this.#isClosed || this.#transport !== undefined) return;
    this.#timer.set(undefined);
    const { serverCertificateHashes, onEvent } = this.#options;
    onEvent({ type: "connecting" });
    try {
      const hashes = serverCertificateHashes === undefined ? {} : { serverCertificateHashes };
      const transport = new WebTransport(this.#url, { protocols: this.#protocols, ...hashes });
      this.#transport = transport;
      transport.ready.then(
        () => this.#begin(transport),
        (error) => this.#lost(transport, error),
      );
    } catch (error) {
      this.#retry(error);
    }
  }

  #begin(transport: WebTransport): void {
    if (this.#isClosed) {
      transport.close();
      return;
    }
    const { url, name, onEvent } = this.#options;
    const namespace = namespaceOf(name);
    const dialect = transport.protocol || this.#protocols[0]!;
    const seat = this.host.seat({
      role: "client",
      protocol: () => dialect,
      label: url,
      grant: EVERYTHING,
      broadcast: { namespace, direction: "receive" },
      onGoaway: () => transport.close(),
      onOver: (error) => this.#lost(transport, error),
      onPeer: (peer) => {
        this.#delay = FIRST_DELAY;
        const path = transport.reliability === "reliable-only" ? "WebSocket" : "HTTP/3";
        onEvent({ type: "connected", dialect, path });
        if (peer instanceof MoqPeer) peer.join({ ask: [namespace] }, pageClock.now());
      },
    });
    try {
      new PageCarrier(transport, { ...seat, onFault: reportError }).start();
    } catch (error) {
      transport.close();
      this.#lost(transport, error);
    }
  }

  #lost(transport: WebTransport, error: unknown): void {
    if (this.#transport !== transport) return;
    this.#transport = undefined;
    if (!this.#isClosed) this.#retry(error);
  }

  #retry(error: unknown): void {
    const retryIn = this.#delay;
    this.#delay = Math.min(LONGEST_DELAY, 2 * this.#delay);
    const message = error === undefined ? "the relay ended the session" : String((error as Error).message ?? error);
    this.#options.onEvent({ type: "lost", message, retryIn });
    const now = pageClock.now();
    this.#timer.set((now + retryIn * 1_000) as typeof now);
  }
}
