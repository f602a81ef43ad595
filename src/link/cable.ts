/**
 * Devices in memory: a cable between two, or a hub with any number of ports, which repeats each frame to all others.
 * A frame is delivered at the next `handleTimeout`, never during `transmit`, so that no machine is entered twice.
 */

import { Fifo } from "../base/fifo.ts";
import type { Instant } from "../base/time.ts";
import type { FrameListener, LinkDevice } from "./device.ts";

/** Frames that wait for delivery at one port; more are dropped. */
const QUEUE = 4_096;

/** The options of cables and hubs. */
export interface HubOptions {
  /** 1500 by default. */
  readonly mtu?: number;
}

interface Waiting {
  readonly at: Instant;
  readonly frame: Uint8Array;
}

class HubPort implements LinkDevice {
  readonly name: string;
  readonly mtu: number;
  readonly offloads = false;
  onFrame: FrameListener | undefined;
  onGone: ((reason: string) => void) | undefined;
  onTurn: (() => void) | undefined;
  onWaiting: (() => void) | undefined;
  readonly #others: readonly HubPort[];
  readonly #waiting = new Fifo<Waiting>();
  #isOpen = true;

  constructor(name: string, mtu: number, others: readonly HubPort[]) {
    this.name = name;
    this.mtu = mtu;
    this.#others = others;
  }

  transmit(frame: Uint8Array, now: Instant): boolean {
    if (!this.#isOpen) return false;
    const copy = frame.slice();
    for (const other of this.#others) if (other !== this) other.#take({ at: now, frame: copy });
    return true;
  }

  #take(waiting: Waiting): void {
    if (!this.#isOpen || this.#waiting.size >= QUEUE) return;
    this.#waiting.push(waiting);
    this.onWaiting?.();
  }

  handleTimeout(now: Instant): void {
    // Only what waits now: answers to it come later.
    for (let left = this.#waiting.size; left > 0; left -= 1) this.onFrame?.(this.#waiting.shift()!.frame, now, false);
  }

  nextTimeout(): Instant | undefined {
    return this.#waiting.first?.at;
  }

  close(): void {
    this.#isOpen = false;
  }
}

/** Devices that see what the others send. */
export function createHub(ports: number, { mtu = 1500 }: HubOptions = {}): readonly LinkDevice[] {
  const all: HubPort[] = [];
  for (let port = 0; port < ports; port += 1) all.push(new HubPort(`port${port}`, mtu, all));
  return all;
}

/** Two devices, joined. */
export const createCable = (options?: HubOptions): readonly [LinkDevice, LinkDevice] =>
  createHub(2, options) as readonly [LinkDevice, LinkDevice];
