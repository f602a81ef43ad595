/** A relay with a clock: the machine, its timer, and its peers of any carrier. */

import { alpnOf, DRAFTS, type Draft, draftOfAlpn } from "../../media/moq/draft.ts";
import {
  type Authorize,
  type Grant,
  MoqPeer,
  Relay,
  type RelayOptions,
  type RoomyCarrier,
} from "../../media/relay/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import type { Fault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import type { WebTransportSession } from "../webtransport/web-transport-session.ts";
import { carry } from "./carried-session.ts";

/** Drafts whose sessions are spoken, as subprotocols of WebTransport, the best first. */
export const LIVE_PROTOCOLS: readonly string[] = DRAFTS.map(alpnOf);

/** The first of a client's protocols that is spoken here. */
export const chooseProtocol = (offered: readonly string[]): string | undefined =>
  offered.find((each) => LIVE_PROTOCOLS.includes(each));

/** A peer that connects, or is connected to. */
export interface JoinOptions {
  readonly role: "client" | "server";
  /** Known when the session begins. */
  readonly protocol: () => string;
  readonly label: string;
  readonly grant: Grant;
  readonly authorize?: Authorize | undefined;
  readonly onPeer?: ((peer: MoqPeer) => void) | undefined;
  readonly onGoaway?: ((uri: string, timeout: number) => void) | undefined;
  readonly onOver?: ((error: Error | undefined) => void) | undefined;
}

const IMPLEMENTATION = "nagare";

/** A relay in this process. */
export class LiveHost {
  readonly relay: Relay;
  readonly clock: HostClock;
  readonly #timer: MachineTimer;
  readonly #peers = new Set<MoqPeer>();

  /** Throws a RangeError that names an invalid option. */
  constructor(options: RelayOptions, onFault: (fault: Fault) => void, clock: HostClock = systemClock) {
    this.relay = new Relay(options);
    this.clock = clock;
    this.#timer = new MachineTimer(
      onFault,
      (now) => {
        this.relay.handleTimeout(now);
        this.arm();
      },
      clock,
    );
  }

  /** Peers that speak MoQ Transport. */
  get peers(): number {
    return this.#peers.size;
  }

  /** Call it after anything that the relay was told by others than its sessions. */
  arm(): void {
    this.#timer.set(this.relay.nextTimeout());
  }

  /** Makes a session that has not begun a peer of the relay. */
  join(session: WebTransportSession, options: JoinOptions): void {
    let peer: MoqPeer | undefined;
    carry(session, {
      create: (carrier) => {
        const draft = draftOfAlpn(options.protocol());
        if (draft === undefined) throw new RangeError(`${options.protocol()} is not spoken`);
        peer = this.#peerOver(carrier, draft, options);
        return peer;
      },
      onActivity: () => this.arm(),
      onOver: (error) => {
        if (peer !== undefined) this.#peers.delete(peer);
        options.onOver?.(error);
      },
    });
  }

  /** Asks all peers to leave. Milliseconds. */
  goaway(timeout: number): void {
    for (const peer of this.#peers) peer.goaway("", timeout, this.clock.now());
  }

  /** Ends all sessions. */
  close(reason: string): void {
    for (const peer of [...this.#peers]) peer.close(0, reason, this.clock.now());
    this.#timer.set(undefined);
  }

  #peerOver(carrier: RoomyCarrier, draft: Draft, options: JoinOptions): MoqPeer {
    const { role, label, grant, authorize, onGoaway, onPeer } = options;
    const peer: MoqPeer = new MoqPeer({
      relay: this.relay,
      draft,
      role,
      carrier,
      label,
      grant,
      authorize,
      setup: { implementation: IMPLEMENTATION },
      now: () => this.clock.now(),
      onGoaway,
      onStarted: () => onPeer?.(peer),
    });
    this.#peers.add(peer);
    return peer;
  }
}
