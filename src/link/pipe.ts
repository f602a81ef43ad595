/**
 * A device at the end of any pipe of frames or packets: an emulator's network card, a message port, a tunnel. What
 * arrives is delivered at the next `handleTimeout`, never during `receive`, so that no machine is entered twice.
 */

import { Fifo } from "../base/fifo.ts";
import type { Instant } from "../base/time.ts";
import type { FrameListener, LinkDevice } from "./device.ts";
import { ETHERNET_HEADER, EtherType, etherTypeOf, writeEthernet } from "./ethernet.ts";
import { NO_MAC } from "./mac.ts";

/** The options of pipes. */
export interface PipeOptions {
  /** "pipe" by default. */
  readonly name?: string;
  /** The largest IP packet, in bytes; 1500 by default. */
  readonly mtu?: number;
  /** Frames that wait for the host; more are dropped. 4,096 by default. */
  readonly queue?: number;
}

/** An Ethernet header, a VLAN tag that nobody reads, and a check sequence that some cards leave. */
const MAX_EXTRA = ETHERNET_HEADER + 8;

abstract class PipeEnd implements LinkDevice {
  readonly name: string;
  readonly mtu: number;
  readonly offloads = false;
  abstract readonly isPointToPoint: boolean;
  onFrame: FrameListener | undefined;
  onGone: ((reason: string) => void) | undefined;
  onTurn: (() => void) | undefined;
  onWaiting: (() => void) | undefined;
  /** What was dropped: it was too long or malformed, or the host did not keep up. */
  dropped = 0;
  protected isOpen = true;
  readonly #capacity: number;
  readonly #waiting = new Fifo<Uint8Array>();

  constructor({ name = "pipe", mtu = 1500, queue = 4_096 }: PipeOptions) {
    // RFC 791: every network carries 68 bytes. RFC 8200 §5 asks for 1,280 for IPv6.
    if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) {
      throw new RangeError(`mtu is ${mtu}: give a whole number of bytes from 68 to 65535`);
    }
    this.name = name;
    this.mtu = mtu;
    this.#capacity = queue;
  }

  abstract transmit(frame: Uint8Array): boolean;

  protected enqueue(frame: Uint8Array): void {
    if (!this.isOpen) return;
    if (this.#waiting.size >= this.#capacity || frame.length > this.mtu + MAX_EXTRA) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push(frame);
    this.onWaiting?.();
  }

  handleTimeout(now: Instant): void {
    for (let left = this.#waiting.size; left > 0; left -= 1) this.onFrame?.(this.#waiting.shift()!, now, false);
  }

  nextTimeout(): Instant | undefined {
    return this.#waiting.size === 0 ? undefined : (0 as Instant);
  }

  /** The other side is gone: connections fail, and routes over the device end. */
  fail(reason: string): void {
    if (!this.isOpen) return;
    this.close();
    this.onGone?.(reason);
    this.onWaiting?.();
  }

  close(): void {
    this.isOpen = false;
    while (this.#waiting.shift() !== undefined);
  }
}

/** Carries Ethernet frames. */
export class FramePipe extends PipeEnd {
  readonly isPointToPoint = false;
  readonly #send: (frame: Uint8Array) => void;

  /** `send` gets a frame of its own for each that leaves. */
  constructor(send: (frame: Uint8Array) => void, options: PipeOptions = {}) {
    super(options);
    this.#send = send;
  }

  transmit(frame: Uint8Array): boolean {
    if (!this.isOpen) return false;
    this.#send(frame.slice());
    return true;
  }

  /** A frame from the pipe; it is copied. */
  receive(frame: Uint8Array): void {
    this.enqueue(frame.slice());
  }
}

/** Carries IP packets without link addresses, as TUN devices and tunnels do: no ARP, no neighbour discovery. */
export class PacketPipe extends PipeEnd {
  readonly isPointToPoint = true;
  readonly #send: (packet: Uint8Array) => void;

  /** `send` gets a packet of its own for each that leaves. */
  constructor(send: (packet: Uint8Array) => void, options: PipeOptions = {}) {
    super({ name: "tunnel", ...options });
    this.#send = send;
  }

  transmit(frame: Uint8Array): boolean {
    if (!this.isOpen) return false;
    const type = etherTypeOf(frame);
    if (type === EtherType.ipv4 || type === EtherType.ipv6) this.#send(frame.slice(ETHERNET_HEADER));
    return true;
  }

  /** A packet from the pipe; it is copied. */
  receive(packet: Uint8Array): void {
    const version = (packet[0] ?? 0) >> 4;
    if (version !== 4 && version !== 6) {
      this.dropped += 1;
      return;
    }
    const frame = new Uint8Array(ETHERNET_HEADER + packet.length);
    writeEthernet(frame, NO_MAC, NO_MAC, version === 4 ? EtherType.ipv4 : EtherType.ipv6);
    frame.set(packet, ETHERNET_HEADER);
    this.enqueue(frame);
  }
}
