/** A device that shows each frame to a listener, with its direction: for captures, consoles and diagrams. */

import type { Instant } from "../base/time.ts";
import { type LinkDevice, type Offload, WrappedDevice } from "./device.ts";

/** As the host sees it. */
export type FrameDirection = "in" | "out";

/** The frame is valid only during the call. A frame with an offload is shown whole. */
export type FrameObserver = (direction: FrameDirection, frame: Uint8Array, now: Instant) => void;

/** A device that shows each frame to a listener. */
export class Tracer extends WrappedDevice {
  readonly #observe: FrameObserver;

  constructor(inner: LinkDevice, observe: FrameObserver) {
    super(inner);
    this.#observe = observe;
  }

  override transmit(frame: Uint8Array, now: Instant, offload?: Offload): boolean {
    this.#observe("out", frame, now);
    return super.transmit(frame, now, offload);
  }

  protected override receive(frame: Uint8Array, now: Instant, isVerified: boolean): void {
    this.#observe("in", frame, now);
    super.receive(frame, now, isVerified);
  }
}
