/** A session with another relay or a publisher that is opened again whenever it ends. */

import { after, millis } from "../../base/time.ts";
import { EVERYTHING, MoqPeer } from "../../media/relay/index.ts";
import { reportFault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import type { WebTransportSession } from "../webtransport/web-transport-session.ts";
import { type BroadcastWish, LIVE_PROTOCOLS, type LiveHost } from "./live-relay.ts";

/** What happens to a session that is kept open. */
export type UpstreamEvent =
  | { readonly type: "connected"; readonly protocol: string; readonly reliability: string }
  | { readonly type: "lost"; readonly error: Error | undefined; readonly retryIn: number };

export interface KeptSessionOptions {
  readonly host: LiveHost;
  readonly label: string;
  /** Opens a session, which has not begun. */
  readonly open: (protocols: readonly string[]) => WebTransportSession;
  /** The protocols to offer; all that are spoken by default. */
  readonly protocols?: readonly string[] | undefined;
  /** What the session is of, if its protocol is Warp or the base draft. */
  readonly broadcast?: BroadcastWish | undefined;
  /** SETUP of MoQ Transport was sent. */
  readonly onPeer: (peer: MoqPeer) => void;
  readonly onEvent?: ((event: UpstreamEvent) => void) | undefined;
}

const FIRST_DELAY = 250;
const LONGEST_DELAY = 10_000;

/** Connects, and connects again after 0.25 to 10 s, until it is closed. */
export class KeptSession {
  readonly #options: KeptSessionOptions;
  #delay = FIRST_DELAY;
  readonly #timer: MachineTimer;
  #session: WebTransportSession | undefined;
  #isClosed = false;

  constructor(options: KeptSessionOptions) {
    this.#options = options;
    this.#timer = new MachineTimer(reportFault, () => this.#connect(), options.host.clock);
    this.#connect();
  }

  /** Ends it for good. */
  close(): void {
    this.#isClosed = true;
    this.#timer.set(undefined);
    this.#session?.close();
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { open, protocols = LIVE_PROTOCOLS } = this.#options;
    const session = open(protocols);
    this.#session = session;
    const { host, label, broadcast, onPeer } = this.#options;
    host.join(session, {
      role: "client",
      protocol: () => session.protocol || protocols[0]!,
      label,
      grant: EVERYTHING,
      broadcast,
      onPeer: (peer) => {
        this.#delay = FIRST_DELAY;
        this.#options.onEvent?.({ type: "connected", protocol: session.protocol, reliability: session.reliability });
        if (peer instanceof MoqPeer) onPeer(peer);
      },
      // Another one takes over; this one ends by itself, or is ended by the peer.
      onGoaway: () => session.close(broadcast === undefined ? undefined : { closeCode: 1, reason: "asked to leave" }),
      onOver: (error, isEnd) => this.#lost(session, error, isEnd),
    });
  }

  #lost(session: WebTransportSession, error: Error | undefined, isEnd: boolean): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    // There is nothing to return to.
    if (this.#isClosed || isEnd) return;
    const retryIn = this.#delay;
    this.#delay = Math.min(LONGEST_DELAY, 2 * this.#delay);
    this.#options.onEvent?.({ type: "lost", error, retryIn });
    const { clock } = this.#options.host;
    this.#timer.set(after(clock.now(), millis(retryIn)));
  }
}
