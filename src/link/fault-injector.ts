/**
 * A device with a bad link before it: loss, corruption, duplication, reordering, delay and rate (`base/impairment`), in
 * each direction. It never offloads: with offload one fault would hit whole 64 KiB frames.
 */

import { Line, type LineDropReason, type LineOptions, type Medium } from "../base/impairment/index.ts";
import { type Rng, SeededRng } from "../base/rng.ts";
import { earliest, type Instant } from "../base/time.ts";
import { type LinkDevice, WrappedDevice } from "./device.ts";
import { ETHERNET_HEADER } from "./ethernet.ts";

export interface FaultOptions {
  /** Frames that the machine above sends. */
  readonly outbound?: LineOptions;
  /** Frames that it receives. */
  readonly inbound?: LineOptions;
}

/** Bytes that wait or are on the way in one direction, unless the options say otherwise. */
const CAPACITY = 8 * 1024 * 1024;
/** Frames before the transmitter, unless the options say otherwise. */
const QUEUE = 256;

const WHOLE_FRAMES: Medium<Uint8Array> = {
  lengthOnWire: (frame, mtu) => (frame.length - ETHERNET_HEADER <= mtu ? frame.length : undefined),
  mark: () => undefined,
  corrupted(frame, corrupt) {
    const copy = frame.slice();
    corrupt(copy);
    return copy;
  },
};

export class FaultInjector extends WrappedDevice {
  /** Frames that did not arrive, by reason. */
  readonly dropped: Partial<Record<LineDropReason, number>> = {};
  readonly #outbound: Line<Uint8Array>;
  readonly #inbound: Line<Uint8Array>;

  constructor(inner: LinkDevice, options: FaultOptions, rng: Rng) {
    super(inner);
    const line = (given: LineOptions | undefined, onArrival: (frame: Uint8Array, at: Instant) => void) =>
      new Line(
        { capacity: CAPACITY, queue: QUEUE, mtu: inner.mtu, ...given },
        new SeededRng(rng.uint32()),
        WHOLE_FRAMES,
        {
          onArrival,
          onDrop: (_, reason) => {
            this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
          },
        },
      );
    this.#outbound = line(options.outbound, (frame, at) => void inner.transmit(frame, at));
    this.#inbound = line(options.inbound, (frame, at) => this.onFrame?.(frame, at, false));
  }

  override get offloads(): boolean {
    return false;
  }

  override transmit(frame: Uint8Array, now: Instant): boolean {
    this.#outbound.offer(frame.slice(), now);
    return true;
  }

  override handleTimeout(now: Instant): void {
    super.handleTimeout(now);
    this.#outbound.advance(now);
    this.#inbound.advance(now);
  }

  override nextTimeout(): Instant | undefined {
    return earliest(super.nextTimeout(), earliest(this.#outbound.next, this.#inbound.next));
  }

  protected override receive(frame: Uint8Array, now: Instant): void {
    this.#inbound.offer(frame.slice(), now);
  }
}
