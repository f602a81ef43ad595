/**
 * A wire with bad links between two TAP devices, for anything that the kernel sends: TCP, UDP, ICMP. With one device in
 * each of two network namespaces, programs in them see an Ethernet with delay, rate, queue and losses.
 */

import { type LineOptions, lineOptionsProblem } from "../../base/impairment/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { loadKoffi } from "../engine/koffi.ts";
import type { Fault } from "../guard.ts";
import { reportFault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import { type LineCounts, type LineDirection, LinePair } from "../relay/line-pair.ts";
import { FRAMES } from "./frame.ts";
import { type FrameDevice, openTap } from "./tap-device.ts";

export interface TapWireOptions {
  /** The link from the first device to the second. */
  readonly up?: LineOptions;
  /** The link from the second device to the first. */
  readonly down?: LineOptions;
  /** Determines random losses and the like; 1 by default. */
  readonly seed?: number;
  /**
   * Sees each frame that a device sends, before its link, and loses those for which it returns false. The frame is valid only
   * during the call.
   */
  readonly passes?: (direction: LineDirection, frame: Uint8Array) => boolean;
  readonly clock?: HostClock;
  readonly onFault?: (fault: Fault) => void;
}

export class TapWire implements Disposable {
  /** Frames that the receiving interface did not take, for example because it is down. */
  refused = 0;
  readonly #devices: Readonly<Record<LineDirection, FrameDevice>>;
  readonly #lines: LinePair<Uint8Array>;
  readonly #clock: HostClock;
  readonly #timer: MachineTimer;
  readonly #passes: TapWireOptions["passes"];
  #isClosed = false;

  constructor(first: FrameDevice, second: FrameDevice, options: TapWireOptions = {}) {
    const { up = {}, down = {}, seed = 1, clock = systemClock, onFault = reportFault } = options;
    for (const [name, given] of Object.entries({ up, down })) {
      const problem = lineOptionsProblem(given);
      if (problem !== undefined) throw new TypeError(`the wire's ${name} ${problem}`);
    }
    this.#clock = clock;
    this.#passes = options.passes;
    // Where each direction ends.
    this.#devices = { up: second, down: first };
    this.#lines = new LinePair({
      up,
      down,
      seed,
      medium: FRAMES,
      onArrival: (direction, frame) => {
        if (!this.#devices[direction].send(frame)) this.refused += 1;
      },
    });
    this.#timer = new MachineTimer(onFault, (now) => this.#advance(now), clock);
    first.onFault = onFault;
    second.onFault = onFault;
    first.onFrame = (frame) => this.#receive("up", frame);
    second.onFrame = (frame) => this.#receive("down", frame);
  }

  get up(): LineCounts {
    return this.#lines.up;
  }

  get down(): LineCounts {
    return this.#lines.down;
  }

  /** Changes the link of a direction from now on. */
  change(direction: LineDirection, options: Parameters<LinePair<Uint8Array>["change"]>[1]): void {
    this.#lines.change(direction, options);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer.set(undefined);
    this.#devices.up.close();
    this.#devices.down.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(direction: LineDirection, frame: Uint8Array): void {
    if (this.#passes?.(direction, frame) === false) return;
    const now = this.#clock.now();
    this.#lines.offer(direction, frame.slice(), now);
    this.#advance(now);
  }

  #advance(now: ReturnType<HostClock["now"]>): void {
    if (this.#isClosed) return;
    this.#lines.advance(now);
    this.#timer.set(this.#lines.next);
  }
}

/**
 * Creates two interfaces with a wire between them. `ip link set dev NAME netns NAMESPACE` then moves each to its namespace.
 * They vanish with the wire. Throws an error with the reason if this process cannot open TAP devices.
 */
export async function openTapWire(first: string, second: string, options: TapWireOptions = {}): Promise<TapWire> {
  const loaded = await loadKoffi();
  if (!("koffi" in loaded)) throw new Error(`TAP devices cannot be opened: ${loaded.reason}`);
  const left = openTap(loaded.koffi, first);
  try {
    const right = openTap(loaded.koffi, second);
    try {
      return new TapWire(left, right, options);
    } catch (error) {
      right.close();
      throw error;
    }
  } catch (error) {
    left.close();
    throw error;
  }
}
