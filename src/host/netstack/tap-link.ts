/**
 * A TAP device as a link of our stack. With offload (virtio-net's header), frames of up to 64 KiB cross in one system
 * call, and the kernel computes or omits checksums: that is worth more than anything else on this path.
 */

import { closeSync } from "node:fs";
import { type ForeignFunctions, ForeignMemory, type PollHandle } from "../../base/foreign.ts";
import type { Instant } from "../../base/time.ts";
import type { FrameListener, LinkDevice, Offload } from "../../link/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { loadKoffi } from "../engine/koffi.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { openTapDescriptor } from "../tap/tap-device.ts";
import { SystemError } from "../udp/fast/system-error.ts";

// linux/if_tun.h
const IFF_VNET_HDR = 0x4000;
const TUNSETOFFLOAD = 0x400454d0;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;

// linux/virtio_net.h: struct virtio_net_hdr
const VNET_HEADER = 10;
const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;

const EAGAIN = 11;
const EIO = 5;
/** EBADFD: the interface was deleted. */
const EBADFD = 77;

const LARGEST_FRAME = 65_536 + 64;
/** Then the machine answers, so that the other side is not kept waiting for acknowledgements. */
const READS_PER_ROUND = 16;
/** So that a busy interface does not keep the event loop. */
const ROUNDS_PER_TURN = 8;
const READABLE = { readable: true, writable: false };

/** The options of `openTap`. */
export interface TapLinkOptions {
  /** 1500 by default; set the same on the interface. */
  readonly mtu?: number;
  /** True by default. */
  readonly offload?: boolean;
  readonly clock?: HostClock;
  readonly onFault?: (fault: Fault) => void;
}

/** A TAP device as a link of a host. */
export class TapLink implements LinkDevice {
  readonly name: string;
  readonly mtu: number;
  readonly offloads: boolean;
  onFrame: FrameListener | undefined;
  onGone: ((reason: string) => void) | undefined;
  onTurn: (() => void) | undefined;
  onWaiting: (() => void) | undefined;
  /** Frames that the kernel did not take. */
  refused = 0;
  readonly #ffi: ForeignFunctions;
  readonly #clock: HostClock;
  readonly #descriptor: number;
  readonly #header: number;
  readonly #received: ForeignMemory;
  readonly #sent: ForeignMemory;
  readonly #read: (...values: number[]) => number;
  readonly #write: (...values: number[]) => number;
  /** Must be kept: a collected handle stops watching. */
  readonly #poll: PollHandle;
  #isClosed = false;

  constructor(ffi: ForeignFunctions, descriptor: number, name: string, options: TapLinkOptions) {
    const { mtu = 1500, offload = true, clock = systemClock, onFault = reportFault } = options;
    this.name = name;
    this.mtu = mtu;
    this.offloads = offload;
    this.#ffi = ffi;
    this.#clock = clock;
    this.#descriptor = descriptor;
    this.#header = offload ? VNET_HEADER : 0;
    this.#received = new ForeignMemory(ffi, VNET_HEADER + LARGEST_FRAME);
    this.#sent = new ForeignMemory(ffi, VNET_HEADER + LARGEST_FRAME);
    const libc = ffi.load(null);
    this.#read = libc.func("read", "long", ["int", "uintptr_t", "ulong"]);
    this.#write = libc.func("write", "long", ["int", "uintptr_t", "ulong"]);
    this.#poll = ffi.node.poll(
      descriptor,
      READABLE,
      guard("netstack device", onFault, () => this.#receive()),
    );
  }

  transmit(frame: Uint8Array, _now: Instant, offload?: Offload): boolean {
    if (this.#isClosed || frame.length > LARGEST_FRAME) return false;
    const { bytes, view, address } = this.#sent;
    if (this.#header > 0) {
      const isCut = offload !== undefined && offload.segmentSize > 0;
      bytes[0] = offload === undefined ? 0 : NEEDS_CSUM;
      bytes[1] = isCut ? (offload.ipVersion === 4 ? GSO_TCPV4 : GSO_TCPV6) : 0;
      view.setUint16(2, isCut ? offload.headerLength : 0, true);
      view.setUint16(4, isCut ? offload.segmentSize : 0, true);
      view.setUint16(6, offload?.checksumStart ?? 0, true);
      view.setUint16(8, offload?.checksumOffset ?? 0, true);
    }
    bytes.set(frame, this.#header);
    const length = this.#header + frame.length;
    if (this.#write(this.#descriptor, address, length) === length) return true;
    this.refused += 1;
    return false;
  }

  /** Does nothing: the device has no timers. */
  handleTimeout(): void {}

  /** Always undefined. */
  nextTimeout(): undefined {
    return undefined;
  }

  /** Keeps the process alive while the device is open. */
  ref(): void {
    this.#poll.ref();
  }

  /** Lets the process exit while the device is open. */
  unref(): void {
    this.#poll.unref();
  }

  /** Closes the descriptor; the interface vanishes. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poll.close();
    closeSync(this.#descriptor);
  }

  #receive(): void {
    for (let round = 0; round < ROUNDS_PER_TURN && !this.#isClosed; round += 1) {
      const now = this.#clock.now();
      let reads = 0;
      while (reads < READS_PER_ROUND && !this.#isClosed && this.#readFrame(now)) reads += 1;
      if (reads > 0) this.onTurn?.();
      if (reads < READS_PER_ROUND) return;
    }
  }

  #readFrame(now: Instant): boolean {
    const { bytes, address } = this.#received;
    const length = this.#read(this.#descriptor, address, bytes.length);
    if (length < 0) {
      const error = this.#ffi.errno();
      // EIO: the interface is down; it may come up again.
      if (error !== EAGAIN && error !== EIO) this.#fail(error);
      return false;
    }
    if (length < this.#header) return false;
    const isVerified = this.#header > 0 && (bytes[0]! & (NEEDS_CSUM | DATA_VALID)) !== 0;
    this.onFrame?.(bytes.subarray(this.#header, length), now, isVerified);
    return true;
  }

  /** The interface was deleted, or its descriptor is broken. */
  #fail(error: number): void {
    const reason = error === EBADFD ? `${this.name} was deleted` : new SystemError(`read ${this.name}`, error).message;
    this.close();
    this.onGone?.(reason);
    this.onTurn?.();
  }
}

/** Creates an interface of this name, which lives as long as the device. Throws an error with the reason. */
export async function openTapLink(name: string, options: TapLinkOptions = {}): Promise<TapLink> {
  const loaded = await loadKoffi();
  if (!("koffi" in loaded)) throw new Error(`TAP devices cannot be opened: ${loaded.reason}`);
  const ffi = loaded.koffi;
  const { offload = true } = options;
  const descriptor = openTapDescriptor(ffi, name, offload ? IFF_VNET_HDR : 0);
  const ioctl = ffi.load(null).func("ioctl", "int", ["int", "ulong", "ulong"]);
  if (offload && ioctl(descriptor, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) {
    const error = new SystemError(`offload of ${name}`, ffi.errno());
    closeSync(descriptor);
    throw error;
  }
  return new TapLink(ffi, descriptor, name, options);
}
