/**
 * A peer that speaks Warp or the MoQ base draft: its session is of one broadcast, which it is pushed, or which it pushes. The host
 * hands it what the carrier brings.
 */

import { after, earliest, type Instant, millis } from "../../../base/time.ts";
import { BaseSession, type BaseSessionEvent } from "../../base-draft/index.ts";
import { PublishRefusedError } from "../../broadcast/published-tracks.ts";
import type { StreamDirection, StreamId } from "../../carrier.ts";
import type { SegmentEvent } from "../../segments/index.ts";
import { WarpSession, type WarpSessionEvent } from "../../warp/index.ts";
import type { Refusal, TrackEnd } from "../model.ts";
import type { RelayPeer } from "../peer.ts";
import { SegmentIngest } from "./ingest.ts";
import type { SegmentPeerOptions } from "./options.ts";
import { SegmentViewer } from "./viewer.ts";

/** Of the session: it ends without an end of the media. */
const FAILED = 1;
/** Milliseconds to wait for a publisher before asking again, and until then. */
const WAIT = 30_000;
const AGAIN = 1_000;

type ReceivedEvent = Extract<WarpSessionEvent, { type: "init" | SegmentEvent["type"] }>;

/** One session of Warp or of the base draft with the relay. */
export class SegmentPeer {
  readonly #options: SegmentPeerOptions;
  readonly #session: WarpSession | BaseSession;
  readonly #peer: RelayPeer;
  #viewer: SegmentViewer | undefined;
  #ingest: SegmentIngest | undefined;
  /** When to ask for the broadcast again. */
  #retryAt: Instant | undefined;
  /** When peers that were asked to leave are made to. */
  #leaveAt: Instant | undefined;
  #isClosed = false;

  constructor(options: SegmentPeerOptions) {
    const { relay, protocol, role, carrier, label, grant } = options;
    this.#options = options;
    this.#session = protocol === "warp-01" ? new WarpSession({ carrier }) : new BaseSession({ carrier, role });
    this.#peer = relay.addPeer({
      label,
      grant,
      onExpired: (now) => this.close(FAILED, "the token expired", now),
    });
  }

  /** Segments that were not delivered yet. */
  get undelivered(): number {
    return this.#session.undelivered;
  }

  /** Begins: there is nothing to say before the media. */
  start(now: Instant): void {
    this.#options.onStarted?.();
    if (this.#options.direction !== "receive") this.#watch(now);
    this.#poll(now);
  }

  /** Asks the peer to leave within milliseconds; 0 for no limit. */
  goaway(uri: string, timeout: number, now: Instant): void {
    const session = this.#session;
    // Warp has no word for it, and the base draft none without a URL: the carrier says that it drains.
    if (session instanceof BaseSession && uri !== "") session.goaway(uri, timeout, now);
    // Before the carrier ends the session: that would look like the end of the media.
    else if (timeout > 0) this.#leaveAt = after(now, millis(timeout / 2));
  }

  /** Ends the session. Code 0 would say that the media is over. */
  close(code: number, reason: string, now: Instant): void {
    this.#session.close(code === 0 ? FAILED : code, reason);
    this.#poll(now);
  }

  // ── What the carrier brings ───────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    this.#session.handleStream(stream, direction);
  }

  /** Bytes of a stream, and its end with `fin`. */
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void {
    this.#session.handleData(stream, direction, bytes, fin, now);
    this.#poll(now);
  }

  /** The peer abandoned a stream. */
  handleReset(stream: StreamId, code: number, now: Instant): void {
    this.#session.handleReset(stream, code);
    this.#poll(now);
  }

  /** The peer does not want a stream of ours. */
  handleStopped(stream: StreamId, code: number, now: Instant): void {
    this.#session.handleStopped(stream, code);
    this.#goOn(now);
  }

  /** A stream has room again. */
  handleWritable(stream: StreamId, now: Instant): void {
    this.#session.handleWritable(stream);
    this.#goOn(now);
  }

  /** The peer has all of a stream. */
  handleFinished(stream: StreamId, now: Instant): void {
    this.#session.handleFinished(stream);
    this.#poll(now);
  }

  /** The peer allows more streams. */
  handleStreamsAvailable(now: Instant): void {
    this.#session.handleStreamsAvailable();
    this.#goOn(now);
  }

  /** Neither protocol has datagrams. */
  handleDatagram(_bytes: Uint8Array, _now: Instant): void {}

  /** The peer would like the session to end soon. */
  handleDraining(now: Instant): void {
    this.#session.handleDraining();
    this.#poll(now);
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string, now: Instant): void {
    this.#session.handleClosed(code, reason);
    this.#poll(now);
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    if (this.#isClosed) return undefined;
    const own = earliest(this.#retryAt, this.#leaveAt);
    return earliest(this.#session.nextTimeout(), earliest(own, this.#ingest?.nextTimeout()));
  }

  /** A deadline passed. */
  handleTimeout(now: Instant): void {
    this.#session.handleTimeout(now);
    this.#ingest?.handleTimeout(now);
    if (this.#leaveAt !== undefined && this.#leaveAt <= now) {
      this.#leaveAt = undefined;
      this.close(FAILED, "the server is going away", now);
    }
    if (this.#retryAt !== undefined && this.#retryAt <= now) this.#watch(now);
    this.#goOn(now);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #goOn(now: Instant): void {
    this.#viewer?.handleRoom(now);
    this.#poll(now);
  }

  #watch(now: Instant): void {
    this.#retryAt = undefined;
    if (this.#isClosed || this.#ingest !== undefined) return;
    const { namespace, now: clock } = this.#options;
    let ended = false;
    const onEnd = (end: TrackEnd | Refusal, at: Instant): void => {
      ended = true;
      this.#handleEnd(end, at);
    };
    const viewer = new SegmentViewer(
      { peer: this.#peer, namespace, wait: WAIT, session: this.#session, now: clock, onEnd },
      now,
    );
    if (!ended) this.#viewer = viewer;
  }

  /** There is no broadcast, or no more of it. */
  #handleEnd(end: TrackEnd | Refusal, now: Instant): void {
    this.#viewer?.close(now);
    this.#viewer = undefined;
    if (end === "track-ended") this.#session.end(now);
    else if (typeof end === "string") this.#retryAt = after(now, millis(AGAIN));
    // Who may not watch may have come to publish.
    else if (end.reason !== "unauthorized") this.#retryAt = after(now, millis(AGAIN));
  }

  #poll(now: Instant): void {
    for (let event = this.#session.pollEvent(); event !== undefined; event = this.#session.pollEvent()) {
      this.#handle(event, now);
    }
  }

  #handle(event: WarpSessionEvent | BaseSessionEvent, now: Instant): void {
    switch (event.type) {
      case "init":
      case "segment":
      case "fragment":
      case "segment-end":
        if (this.#options.direction !== "send") this.#receive(event, now);
        else if (event.type === "segment") event.segment.stop();
        break;
      case "goaway":
        this.#options.onGoaway?.(event.url ?? "", 0);
        break;
      case "draining":
        this.#options.onGoaway?.("", 0);
        break;
      case "closed":
        this.#handleClose(event.code, event.reason, event.isOurs, now);
        break;
      default:
        break;
    }
  }

  /** The peer is a publisher, then: it gets nothing any more, least of all its own media. */
  #receive(event: ReceivedEvent, now: Instant): void {
    if (this.#isClosed) return;
    this.#viewer?.close(now);
    this.#viewer = undefined;
    this.#retryAt = undefined;
    const { namespace, date } = this.#options;
    try {
      this.#ingest ??= new SegmentIngest({ peer: this.#peer, namespace, date }, now);
      if (event.type === "init") this.#ingest.expect(event.segment.tracks, now);
      else this.#ingest.handle(event, now);
    } catch (error) {
      if (!(error instanceof PublishRefusedError)) throw error;
      this.#session.close(FAILED, error.message);
    }
  }

  #handleClose(code: number, reason: string, isOurs: boolean, now: Instant): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#viewer?.close(now);
    // §6 of -01: code 0 is the end of the media; with any other one the publisher may return.
    if (code === 0 && !isOurs) this.#ingest?.end(now);
    this.#peer.close(now);
    this.#options.onClosed?.(code, reason);
  }
}
