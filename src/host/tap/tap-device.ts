/**
 * A TAP device of Linux: a network interface whose frames this process sends and receives. Opening one takes root (or
 * CAP_NET_ADMIN), and koffi for the system call.
 */

import { closeSync, constants, openSync } from "node:fs";
import { type ForeignFunctions, ForeignMemory, type PollHandle } from "../../base/foreign.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { SystemError } from "../udp/fast/system-error.ts";

/** An interface seen from its cable. */
export interface FrameDevice {
  readonly name: string;
  /** Valid only during the call. */
  onFrame: ((frame: Uint8Array) => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;
  /** Returns false if the interface cannot take the frame now. */
  send(frame: Uint8Array): boolean;
  close(): void;
}

const DEVICE = "/dev/net/tun";
// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
/** struct ifreq: a name of 16 bytes, then the flags. */
const REQUEST_LENGTH = 40;
const FLAGS = 16;
const MAX_NAME = 15;

/** An MTU of 64 KiB and the header. */
const LARGEST_FRAME = 65_536 + 14;
/** So that a busy interface does not keep the event loop. */
const READS_PER_TURN = 256;
const READABLE = { readable: true, writable: false };

/** Creates the interface, or attaches to one that exists and is not in use. Throws a `SystemError`. */
export function openTap(ffi: ForeignFunctions, name: string): FrameDevice {
  const descriptor = openTapDescriptor(ffi, name);
  return new TapDevice(ffi, descriptor, name);
}

/** The descriptor of an interface, with further flags of TUNSETIFF. Does not block. */
export function openTapDescriptor(ffi: ForeignFunctions, name: string, flags = 0): number {
  if (!/^[\w.-]+$/.test(name) || name.length > MAX_NAME) {
    throw new TypeError(`"${name}" is not a name for an interface: give at most ${MAX_NAME} letters, digits, - or _`);
  }
  const descriptor = openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const request = new ForeignMemory(ffi, REQUEST_LENGTH);
    request.bytes.set(Buffer.from(name));
    request.view.setUint16(FLAGS, IFF_TAP | IFF_NO_PI | flags, true);
    const ioctl = ffi.load(null).func("ioctl", "int", ["int", "ulong", "uintptr_t"]);
    if (ioctl(descriptor, TUNSETIFF, request.address) < 0) throw new SystemError(`ioctl ${name}`, ffi.errno());
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

export class TapDevice implements FrameDevice {
  readonly name: string;
  onFrame: ((frame: Uint8Array) => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;
  readonly #descriptor: number;
  readonly #buffer: ForeignMemory;
  readonly #read: (...values: number[]) => number;
  readonly #write: (...values: number[]) => number;
  /** Must be kept: a collected handle stops watching. */
  readonly #poll: PollHandle;
  #isClosed = false;

  constructor(ffi: ForeignFunctions, descriptor: number, name: string) {
    this.name = name;
    this.#descriptor = descriptor;
    this.#buffer = new ForeignMemory(ffi, LARGEST_FRAME);
    const libc = ffi.load(null);
    this.#read = libc.func("read", "long", ["int", "uintptr_t", "ulong"]);
    this.#write = libc.func("write", "long", ["int", "uintptr_t", "ulong"]);
    const handleFault = (fault: Fault): void => (this.onFault ?? reportFault)(fault);
    this.#poll = ffi.node.poll(
      descriptor,
      READABLE,
      guard("tap ready", handleFault, () => this.#receive()),
    );
  }

  #receive(): void {
    for (let reads = 0; reads < READS_PER_TURN && !this.#isClosed; reads += 1) {
      const length = this.#read(this.#descriptor, this.#buffer.address, LARGEST_FRAME);
      // Nothing is left, or the interface is down.
      if (length <= 0) return;
      this.onFrame?.(this.#buffer.bytes.subarray(0, length));
    }
  }

  send(frame: Uint8Array): boolean {
    if (this.#isClosed || frame.length > LARGEST_FRAME) return false;
    this.#buffer.bytes.set(frame);
    return this.#write(this.#descriptor, this.#buffer.address, frame.length) === frame.length;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poll.close();
    closeSync(this.#descriptor);
  }
}
