/** A relay with a clock: the machine, its timer, and its peers of any carrier. */

import { alpnOf, DRAFTS, type Draft, draftOfAlpn } from "../../media/moq/draft.ts";
import {
  type Authorize,
  type Grant,
  MoqPeer,
  Relay,
  type RelayOptions,
  SEGMENT_PROTOCOLS,
  SegmentPeer,
  type SegmentPeerOptions,
  type SegmentProtocol,
} from "../../media/relay/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import type { Fault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import type { WebTransportSession } from "../webtransport/web-transport-session.ts";
import { carry, type LiveCarrier } from "./carried-session.ts";

/** Drafts whose sessions are spoken, as subprotocols of WebTransport, the best first. */
export const LIVE_PROTOCOLS: readonly string[] = DRAFTS.map(alpnOf);

/** The protocol of sessions that name none: Warp has no name of its own. */
const NAMELESS_PROTOCOL: SegmentProtocol = "warp-01";

/** True for Warp and the base draft, whose sessions are of one broadcast. */
export const isSegmentProtocol = (protocol: string): protocol is SegmentProtocol =>
  (SEGMENT_PROTOCOLS as readonly string[]).includes(protocol);

/** The first of a client's protocols that is spoken here. */
export const chooseProtocol = (offered: readonly string[]): string | undefined =>
  offered.length === 0
    ? NAMELESS_PROTOCOL
    : offered.find((each) => LIVE_PROTOCOLS.includes(each) || isSegmentProtocol(each));

/** A peer of any dialect. */
export type LivePeer = MoqPeer | SegmentPeer;

/** The broadcast of a session that is of one, and which way it goes. */
export type BroadcastWish = Pick<SegmentPeerOptions, "namespace" | "direction">;

/** A peer that connects, or is connected to. */
export interface JoinOptions {
  readonly role: "client" | "server";
  /** Known when the session begins. */
  readonly protocol: () => string;
  readonly label: string;
  readonly grant: Grant;
  readonly authorize?: Authorize | undefined;
  /** Of a session of Warp or of the base draft. */
  readonly broadcast?: BroadcastWish | undefined;
  readonly onPeer?: ((peer: LivePeer) => void) | undefined;
  readonly onGoaway?: ((uri: string, timeout: number) => void) | undefined;
  /** `isEnd` if the session ended because the broadcast did. */
  readonly onOver?: ((error: Error | undefined, isEnd: boolean) => void) | undefined;
}

const IMPLEMENTATION = "nagare";

/** A relay in this process. */
export class LiveHost {
  readonly relay: Relay;
  readonly clock: HostClock;
  readonly #timer: MachineTimer;
  readonly #peers = new Set<LivePeer>();

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

  /** Sessions. */
  get peers(): number {
    return this.#peers.size;
  }

  /** Segments of Warp and of the base draft that peers have not got yet. */
  get undelivered(): number {
    return [...this.#peers].reduce((sum, peer) => sum + (peer instanceof SegmentPeer ? peer.undelivered : 0), 0);
  }

  /** Call it after anything that the relay was told by others than its sessions. */
  arm(): void {
    this.#timer.set(this.relay.nextTimeout());
  }

  /** Makes a session that has not begun a peer of the relay. */
  join(session: WebTransportSession, options: JoinOptions): void {
    let peer: LivePeer | undefined;
    let isEnd = false;
    const onEnd = (): void => {
      isEnd = true;
    };
    carry(session, {
      create: (carrier) => {
        const protocol = options.protocol();
        const draft = draftOfAlpn(protocol);
        if (draft !== undefined) peer = this.#moqPeer(carrier, draft, options);
        else if (isSegmentProtocol(protocol)) peer = this.#segmentPeer(carrier, protocol, options, onEnd);
        else throw new RangeError(`${protocol} is not spoken`);
        this.#peers.add(peer);
        return peer;
      },
      onActivity: () => this.arm(),
      onOver: (error) => {
        if (peer !== undefined) this.#peers.delete(peer);
        options.onOver?.(error, isEnd);
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

  #moqPeer(carrier: LiveCarrier, draft: Draft, options: JoinOptions): MoqPeer {
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
    return peer;
  }

  #segmentPeer(carrier: LiveCarrier, protocol: SegmentProtocol, options: JoinOptions, onEnd: () => void): SegmentPeer {
    const { role, label, grant, onGoaway, onPeer, broadcast } = options;
    if (broadcast === undefined) throw new RangeError(`${protocol} needs the name of a broadcast`);
    const peer: SegmentPeer = new SegmentPeer({
      ...broadcast,
      relay: this.relay,
      protocol,
      role,
      carrier,
      label,
      grant,
      now: () => this.clock.now(),
      date: () => this.clock.date(),
      onGoaway,
      onStarted: () => onPeer?.(peer),
      onClosed: (code) => {
        if (code === 0) onEnd();
      },
    });
    return peer;
  }
}
