/** A session with a relay, opened again whenever it ends: in the page there is a relay of its own, whose only viewer is the player. */

import { pageClock } from "../../../src/client/webtransport/browser/clock.ts";
import { WebTransport, type WebTransportHash } from "../../../src/client/webtransport/browser/index.ts";
import { MachineTimer } from "../../../src/host/machine-timer.ts";
import { alpnOf, DRAFTS, draftOfAlpn } from "../../../src/media/moq/draft.ts";
import type { Namespace } from "../../../src/media/moq/model.ts";
import { EVERYTHING, MoqPeer, Relay } from "../../../src/media/relay/index.ts";
import { PageCarrier } from "./page-carrier.ts";

/** Milliseconds before another attempt: doubled each time. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 8_000;
/** Bytes of media that the page keeps: it does not rewind by them. */
const CACHE_BYTES = 8 * 1024 * 1024;

/** Where a session leads. */
export interface PageSessionOptions {
  /** Of the relay. A token may stand in its query. */
  readonly url: string;
  /** Below it, the relay is asked for tracks. */
  readonly namespace: Namespace;
  /** MoQ Transport's drafts to offer, the best first; all by default. */
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
export const DIALECTS: readonly string[] = DRAFTS.map(alpnOf);

export class PageSession {
  readonly relay = new Relay({ cacheBytes: CACHE_BYTES });
  readonly #options: PageSessionOptions;
  readonly #relayTimer: MachineTimer;
  readonly #retryTimer: MachineTimer;
  #delay = FIRST_DELAY;
  #transport: WebTransport | undefined;
  #isClosed = false;

  constructor(options: PageSessionOptions) {
    this.#options = options;
    const onFault = ({ error }: { readonly error: unknown }): void => reportError(error);
    this.#relayTimer = new MachineTimer(
      onFault,
      (now) => {
        this.relay.handleTimeout(now);
        this.arm();
      },
      pageClock,
    );
    this.#retryTimer = new MachineTimer(onFault, () => this.#connect(), pageClock);
    // Not in the constructor: the first events need listeners.
    queueMicrotask(() => this.#connect());
  }

  /** Call it after anything that the relay was told by others than its session. */
  arm(): void {
    this.#relayTimer.set(this.#isClosed ? undefined : this.relay.nextTimeout());
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
    this.#retryTimer.set(undefined);
    this.#relayTimer.set(undefined);
    this.#transport?.close();
    this.#transport = undefined;
  }

  #connect(): void {
    if (this.#isClosed || this.#transport !== undefined) return;
    this.#retryTimer.set(undefined);
    const { url, protocols = DIALECTS, serverCertificateHashes, onEvent } = this.#options;
    onEvent({ type: "connecting" });
    try {
      const hashes = serverCertificateHashes === undefined ? {} : { serverCertificateHashes };
      const transport = new WebTransport(url, { protocols, ...hashes });
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
    const { protocols = DIALECTS, url, namespace, onEvent } = this.#options;
    const dialect = transport.protocol || protocols[0]!;
    const draft = draftOfAlpn(dialect);
    if (draft === undefined) {
      transport.close();
      this.#lost(transport, new Error(`the relay chose ${dialect}, which is not spoken here`));
      return;
    }
    const carrier = new PageCarrier(transport, {
      create: (roomy) => {
        const peer: MoqPeer = new MoqPeer({
          relay: this.relay,
          draft,
          role: "client",
          carrier: roomy,
          label: url,
          grant: EVERYTHING,
          setup: { implementation: "nagare" },
          now: () => pageClock.now(),
          onGoaway: () => transport.close(),
          onStarted: () => {
            this.#delay = FIRST_DELAY;
            const path = transport.reliability === "reliable-only" ? "WebSocket" : "HTTP/3";
            onEvent({ type: "connected", dialect, path });
            peer.join({ ask: [namespace] }, pageClock.now());
          },
        });
        return peer;
      },
      onActivity: () => this.arm(),
      onOver: (error) => this.#lost(transport, error),
      onFault: reportError,
    });
    carrier.start();
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
    this.#retryTimer.set((now + retryIn * 1_000) as typeof now);
  }
}
