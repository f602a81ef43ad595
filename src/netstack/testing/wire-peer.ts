/** A peer that a test drives by hand: it sends any segment, and sees what the stack sends. It answers ARP by itself. */

import { SeededRng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import { seconds } from "../../base/time.ts";
import { icmpPacket } from "../../ip/icmp.ts";
import { IpLayer, Protocol, parsePrefix } from "../../ip/index.ts";
import { type LinkDevice, WrappedDevice } from "../../link/device.ts";
import { createCable, randomMac } from "../../link/index.ts";
import type { TcpOptions } from "../../tcp/index.ts";
import { emitHeader, Flag, headerLength, parseSegment } from "../../tcp/index.ts";
import { Stack, type StackOptions } from "../stack.ts";
import { Apps } from "./tcp-apps.ts";
import { ip } from "./world.ts";

const LETTERS = {
  S: Flag.syn,
  F: Flag.fin,
  R: Flag.rst,
  P: Flag.psh,
  ".": Flag.ack,
  U: Flag.urg,
  E: Flag.ece,
  W: Flag.cwr,
};
const OURS = "10.77.0.2";
const PEER = "10.77.0.1";

export interface Sent {
  /** In the order of `LETTERS`. */
  readonly flags: string;
  /** Relative to the initial sequence numbers, once the script has set them. */
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly length: number;
  readonly options: TcpOptions;
  readonly payload: Uint8Array;
  /** Of the IP header. */
  readonly hopLimit: number;
  readonly trafficClass: number;
  /** The whole IP packet. */
  readonly packet: Uint8Array;
}

export interface ScriptSegment {
  /** Other addresses than the peer's and the stack's. */
  readonly from?: string;
  readonly to?: string;
  /** Changes the frame on its way. */
  readonly mangle?: (frame: Uint8Array) => Uint8Array;
  readonly flags: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly data?: string | Uint8Array;
  readonly options?: TcpOptions;
  readonly urgent?: number;
}

class Mangler extends WrappedDevice {
  readonly #change: (frame: Uint8Array) => Uint8Array;

  constructor(inner: LinkDevice, change: (frame: Uint8Array) => Uint8Array) {
    super(inner);
    this.#change = change;
  }

  override transmit(frame: Uint8Array, now: Instant): boolean {
    return super.transmit(this.#change(frame), now);
  }
}

export class WirePeer {
  now = seconds(1) as number as Instant;
  readonly stack: Stack;
  readonly apps: Apps;
  /** The peer's port and the stack's. */
  readonly port = 5_000;
  ownPort = 80;
  /** The stack's ISS; set by `established`. */
  iss = 0;
  /** The peer's ISS. */
  irs = 1_000;
  readonly sent: Sent[] = [];
  readonly #ip: IpLayer;
  #mangle: ((frame: Uint8Array) => Uint8Array) | undefined;

  constructor(options: Partial<Omit<StackOptions, "interfaces">> = {}) {
    const [ours, end] = createCable();
    const theirs = new Mangler(end, (frame) => this.#mangle?.(frame.slice()) ?? frame);
    const rng = new SeededRng(5);
    const prefix = (text: string) => ({ addresses: [parsePrefix(`${text}/24`)!], mac: randomMac(rng) });
    this.stack = new Stack({ rng, ...options, interfaces: [{ device: ours, ...prefix(OURS) }] }, this.now);
    this.apps = new Apps(this.stack);
    this.#ip = new IpLayer(
      {
        onPacket: (packet) => {
          const segment = parseSegment(packet);
          if (typeof segment === "string") throw new Error(`the stack sent a segment with ${segment}`);
          const { flags, sequence, acknowledgment, window, options: parsed, bytes, start, end } = segment;
          this.sent.push({
            flags: Object.entries(LETTERS)
              .filter(([, bit]) => (flags & bit) !== 0)
              .map(([letter]) => letter)
              .join(""),
            seq: (sequence - this.iss) | 0,
            ack: (acknowledgment - this.irs) | 0,
            window,
            length: end - start,
            options: parsed!,
            payload: bytes.slice(start, end),
            hopLimit: packet.hopLimit,
            trafficClass: packet.trafficClass,
            packet: packet.bytes.slice(packet.headerStart, packet.end),
          });
          return "accepted";
        },
        onIcmpError: () => false,
      },
      new SeededRng(6),
    );
    this.#ip.addInterface({ device: theirs, ...prefix(PEER) }, this.now);
    this.run(seconds(5));
  }

  /** Lets time pass. */
  run(span: number): void {
    const end = this.now + span;
    for (;;) {
      this.apps.pump(this.now);
      this.stack.flush(this.now);
      const due = [this.stack.nextTimeout(), this.#ip.nextTimeout()].filter((at) => at !== undefined);
      const next = Math.min(...due, Number.POSITIVE_INFINITY);
      if (next > end) break;
      this.now = Math.max(this.now, next) as Instant;
      this.stack.handleTimeout(this.now);
      this.#ip.handleTimeout(this.now);
    }
    this.now = end as Instant;
  }

  /** The segments since the last call. */
  take(): Sent[] {
    this.run(0);
    return this.sent.splice(0);
  }

  /** Sends a segment, and returns what the stack answers at once. */
  send(segment: ScriptSegment): Sent[] {
    this.post(segment);
    return this.take();
  }

  /** Sends a segment, and gives the stack no turn. */
  post(segment: ScriptSegment): void {
    const { flags, seq = 0, ack, window = 65_535, data = "", options = {}, urgent = 0 } = segment;
    const { from, to = OURS, mangle } = segment;
    const payload = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const bits = [...flags].reduce((sum, letter) => sum | LETTERS[letter as keyof typeof LETTERS], 0);
    const fields = {
      sourcePort: this.port,
      destinationPort: this.ownPort,
      sequence: (this.irs + seq) >>> 0,
      acknowledgment: ack === undefined ? 0 : (this.iss + ack) >>> 0,
      flags: bits,
      window,
      urgentPointer: urgent,
      options,
    };
    const header = headerLength(options);
    this.#mangle = mangle;
    this.#ip.send(
      {
        source: from === undefined ? undefined : ip(from),
        destination: ip(to),
        protocol: Protocol.tcp,
        length: header + payload.length,
        checksumOffset: 16,
        emit: (target, at) => {
          emitHeader(fields, target, at);
          target.set(payload, at + header);
        },
      },
      this.now,
    );
    this.#mangle = undefined;
  }

  /** Reports an ICMP error about a packet of the stack's. */
  report(type: number, code: number, { packet }: Sent): Sent[] {
    this.#ip.send(icmpPacket(4, { type, code, rest: 0, body: packet.subarray(0, 28) }, ip(OURS)), this.now);
    return this.take();
  }

  /** Opens a connection to the stack's listener. Returns the SYN-ACK. */
  open(options: TcpOptions = { mss: 1_460 }, window = 65_535): Sent {
    const [answer] = this.send({ flags: "S", options });
    this.iss = (this.iss + answer!.seq) >>> 0;
    const timestamp =
      options.timestamp === undefined
        ? {}
        : { timestamp: { value: options.timestamp.value, echo: answer!.options.timestamp!.value } };
    this.send({ flags: ".", seq: 1, ack: 1, window, options: timestamp });
    return answer!;
  }
}
