/**
 * The small control frames of streams: credit, limits, resets and blocked frames. A pending frame is a flag of the
 * object that it reports on, so at most one of each kind is pending per object, however often its cause repeats.
 */

import { Queue } from "../../base/queue.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitDataBlocked, emitMaxData, emitMaxStreams, emitStreamsBlocked } from "../frame/emit.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { StreamDirection } from "../transport.ts";
import type { ReceiveWindow, SendCredit } from "./flow-control.ts";
import type { RecvStream } from "./recv-stream.ts";
import type { SendStream } from "./send-stream.ts";
import type { LocalStreams, PeerStreams } from "./stream-limits.ts";

/**
 * The largest pair that one part of a stream can have pending: RESET_STREAM_AT and STREAM_DATA_BLOCKED with 8-byte
 * fields.
 */
const LARGEST_PAIR = 1 + 8 + 8 + 8 + 8 + (1 + 8 + 8);

const DIRECTIONS: readonly StreamDirection[] = ["bidi", "uni"];

export class ControlFrames {
  readonly sending: Queue<SendStream> = new Queue<SendStream>();
  readonly receiving: Queue<RecvStream> = new Queue<RecvStream>();
  readonly #window: ReceiveWindow;
  readonly #local: Readonly<Record<StreamDirection, LocalStreams>>;
  readonly #peer: Readonly<Record<StreamDirection, PeerStreams>>;

  constructor(
    window: ReceiveWindow,
    local: Readonly<Record<StreamDirection, LocalStreams>>,
    peer: Readonly<Record<StreamDirection, PeerStreams>>,
  ) {
    this.#window = window;
    this.#local = local;
    this.#peer = peer;
  }

  hasPending(credit: SendCredit): boolean {
    return (
      !this.sending.isEmpty ||
      !this.receiving.isEmpty ||
      this.#window.isDue ||
      credit.blockedIsDue ||
      this.#local.bidi.blockedIsDue ||
      this.#local.uni.blockedIsDue ||
      this.#peer.bidi.isDue ||
      this.#peer.uni.isDue
    );
  }

  /** Writes as many frames as fit. */
  write(writer: Writer, frames: SentFrame[], credit: SendCredit, now: Instant, rtt: Micros): void {
    while (writer.remaining >= LARGEST_PAIR) {
      const stream = this.sending.first;
      if (stream === undefined) break;
      stream.writeControlFrames(writer, frames);
      this.sending.remove(stream.control!);
    }
    while (writer.remaining >= LARGEST_PAIR) {
      const stream = this.receiving.first;
      if (stream === undefined) break;
      stream.writeControlFrames(writer, frames, now, rtt);
      this.receiving.remove(stream.control!);
    }
    if (this.#window.isDue && writer.remaining >= LARGEST_PAIR) {
      const value = this.#window.announce(now, rtt);
      emitMaxData(writer, value);
      frames.push({ type: "max-data", value });
    }
    if (credit.blockedIsDue && writer.remaining >= LARGEST_PAIR) {
      const limit = credit.reportBlocked();
      emitDataBlocked(writer, limit);
      frames.push({ type: "data-blocked", limit });
    }
    for (const direction of DIRECTIONS) {
      if (writer.remaining < LARGEST_PAIR) return;
      this.#writeStreamLimits(writer, frames, direction);
    }
  }

  #writeStreamLimits(writer: Writer, frames: SentFrame[], direction: StreamDirection): void {
    const peer = this.#peer[direction];
    if (peer.isDue) {
      const value = peer.announce();
      emitMaxStreams(writer, direction, value);
      frames.push({ type: "max-streams", direction, value });
    }
    const local = this.#local[direction];
    if (local.blockedIsDue) {
      const limit = local.reportBlocked();
      emitStreamsBlocked(writer, direction, limit);
      frames.push({ type: "streams-blocked", direction, limit });
    }
  }
}
