/**
 * What carries frames: a TAP device, one end of a simulated cable, or a device that wraps another (tracer, capture,
 * faults). Machines above see only this interface.
 */

import type { Instant } from "../base/time.ts";

/** Work that the sender of a frame leaves to a device that offloads (the fields of virtio-net's header). */
export interface Offload {
  /** The checksum covers the frame from this byte on; its field holds the sum of the pseudo header. */
  readonly checksumStart: number;
  /** Where the field is, counted from `checksumStart`. */
  readonly checksumOffset: number;
  /** Bytes of all headers, Ethernet's included. */
  readonly headerLength: number;
  /** The payload of each TCP segment into which the frame is to be cut; 0 if it is one packet. */
  readonly segmentSize: number;
  readonly ipVersion: 4 | 6;
}

/** `isVerified` is true if the device vouches for the transport checksum. The frame is valid only during the call. */
export type FrameListener = (frame: Uint8Array, now: Instant, isVerified: boolean) => void;

/** What carries frames. */
export interface LinkDevice {
  readonly name: string;
  /** The largest IP packet, in bytes. */
  readonly mtu: number;
  /** True if `transmit` takes an `Offload`; frames then may have 64 KiB. */
  readonly offloads: boolean;
  /** True if the link has one other end and no link addresses: nothing is resolved, and every frame is for this host. */
  readonly isPointToPoint?: boolean;
  onFrame: FrameListener | undefined;
  /** Called when the device stopped working, with the reason. */
  onGone: ((reason: string) => void) | undefined;
  /** Called after some frames were received: the time to answer. */
  onTurn: (() => void) | undefined;
  /** Called when a frame waits for `handleTimeout`. */
  onWaiting: (() => void) | undefined;
  /** Sends a copy of the frame. Returns false if the device cannot take it now. */
  transmit(frame: Uint8Array, now: Instant, offload?: Offload): boolean;
  /** Time has passed. */
  handleTimeout(now: Instant): void;
  /** When `handleTimeout` is to be called; undefined for never. */
  nextTimeout(): Instant | undefined;
  /** Stops. */
  close(): void;
}

/** A device that passes everything to the one that it wraps; subclasses change what they are for. */
export class WrappedDevice implements LinkDevice {
  onFrame: FrameListener | undefined;
  onGone: ((reason: string) => void) | undefined;
  onTurn: (() => void) | undefined;
  onWaiting: (() => void) | undefined;
  protected readonly inner: LinkDevice;

  constructor(inner: LinkDevice) {
    this.inner = inner;
    inner.onFrame = (frame, now, isVerified) => this.receive(frame, now, isVerified);
    inner.onGone = (reason) => this.onGone?.(reason);
    inner.onTurn = () => this.onTurn?.();
    inner.onWaiting = () => this.onWaiting?.();
  }

  get name(): string {
    return this.inner.name;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get offloads(): boolean {
    return this.inner.offloads;
  }

  get isPointToPoint(): boolean {
    return this.inner.isPointToPoint ?? false;
  }

  transmit(frame: Uint8Array, now: Instant, offload?: Offload): boolean {
    return this.inner.transmit(frame, now, offload);
  }

  handleTimeout(now: Instant): void {
    this.inner.handleTimeout(now);
  }

  nextTimeout(): Instant | undefined {
    return this.inner.nextTimeout();
  }

  close(): void {
    this.inner.close();
  }

  protected receive(frame: Uint8Array, now: Instant, isVerified: boolean): void {
    this.onFrame?.(frame, now, isVerified);
  }
}
