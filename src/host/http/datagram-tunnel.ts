/**
 * A tunnel of capsules and HTTP Datagrams (RFC 9297), the same over every version of HTTP: datagrams go in QUIC DATAGRAM
 * frames where the connection has them, and as capsules on the stream elsewhere.
 */

import type { Instant } from "../../base/time.ts";
import {
  CapsuleError,
  CapsuleReader,
  type CapsuleTreatment,
  CapsuleType,
  capsule,
  datagramCapsule,
} from "../../http/capsules/index.ts";
import type { SendDatagramResult } from "../../quic/index.ts";
import { sameVarInt, type VarInt } from "../../wire/varint.ts";
import type { Tunnel } from "./tunnel.ts";

export interface DatagramTunnelOptions {
  /** The largest datagram to accept as a capsule; larger ones are skipped, or reset the tunnel if `refusesLarge`. */
  readonly maxDatagram: number;
  /** True if a larger datagram is an error (RFC 9298 §5). */
  readonly refusesLarge?: boolean;
  readonly onDatagram: (payload: Uint8Array) => void;
  /** Other capsules that its user wants, up to their largest size in bytes. All others are skipped (RFC 9297 §3.3). */
  readonly capsules?: readonly { readonly type: number; readonly maxLength: number }[];
  readonly onCapsule?: (type: number, value: Uint8Array) => void;
  /** Called when a datagram would find room again, after `send` returned "full" over HTTP/1.1 or HTTP/2. */
  readonly onDrain?: () => void;
  /** Called once: the peer ended its direction in an orderly way. */
  readonly onEnd: () => void;
  /**
   * Called once if the peer resets the tunnel or breaks the rules of capsules, or the connection ends; `onEnd` does not
   * follow. If that has happened already, it is called by the constructor.
   */
  readonly onAbort: (reason: Error) => void;
}

/**
 * A congested stream takes this many bytes of datagrams before further ones are dropped, as the send buffer of a QUIC
 * connection does. Node's streams count as congested after 16 KiB, which is less than a burst.
 */
const MAX_EXCESS = 256 * 1024;
/** What a small datagram takes in memory besides its bytes. */
const CAPSULE_OVERHEAD = 64;

export class DatagramTunnel {
  readonly #tunnel: Tunnel;
  readonly #options: DatagramTunnelOptions;
  readonly #reader: CapsuleReader;
  /** Bytes of datagrams that were written although the stream was congested. */
  #excess = 0;
  /** Nothing more is read: the peer has ended its direction, or the tunnel was closed or reset. */
  #isRead = false;
  /** Nothing more is sent. */
  #isEnded = false;

  constructor(tunnel: Tunnel, options: DatagramTunnelOptions) {
    this.#tunnel = tunnel;
    this.#options = options;
    this.#reader = new CapsuleReader({
      begin: (type, length) => this.#begin(type, length),
      collected: (type, value) => this.#collected(type, value),
    });
    tunnel.onDrain = () => {
      this.#excess = 0;
      options.onDrain?.();
    };
    tunnel.onAbort = (reason) => this.#abort(reason);
    if (tunnel.datagrams !== undefined) tunnel.datagrams.onDatagram = (payload) => this.#deliver(payload);
    tunnel.body.onReadable = this.#read;
    if (tunnel.aborted === undefined) this.#read();
    else this.#abort(tunnel.aborted);
  }

  /** The largest datagram that can be sent now. */
  get maxPayload(): number {
    const native = this.#tunnel.datagrams?.maxPayload ?? 0;
    return native > 0 ? native : this.#options.maxDatagram;
  }

  /** True if datagrams are capsules on a stream, and `onDrain` follows "full". */
  get usesCapsules(): boolean {
    return (this.#tunnel.datagrams?.maxPayload ?? 0) === 0;
  }

  /**
   * Sends a datagram. "full": the stream that carries it as a capsule is congested, so it was dropped. Over HTTP/3, one that
   * does not fit into a frame is dropped too, and not sent as a capsule: it would arrive reliably and late (RFC 9297 §3.5).
   */
  send(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    if (this.#isEnded) return "closed";
    const result = this.#tunnel.datagrams?.send(payload, expires) ?? "unsupported";
    if (result !== "unsupported") return result;
    if (payload.length > this.#options.maxDatagram) return "too-large";
    if (this.#excess >= MAX_EXCESS) return "full";
    if (!this.#tunnel.write(datagramCapsule(payload))) this.#excess += payload.length + CAPSULE_OVERHEAD;
    return "queued";
  }

  /** Sends a capsule, however congested the stream is. */
  sendCapsule(type: VarInt, ...parts: readonly Uint8Array[]): void {
    if (!this.#isEnded) this.#tunnel.write(capsule(type, ...parts));
  }

  /** The capsule that is being handled is the last one of the peer: more bytes reset the tunnel. */
  expectEnd(): void {
    this.#reader.expectEnd();
  }

  /** Ends our direction. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#tunnel.end();
  }

  /** Ends both directions: nothing more is read. */
  close(): void {
    this.end();
    if (this.#stopReading()) this.#tunnel.stopReading();
  }

  reset(reason: Error): void {
    if (this.#isRead && this.#isEnded) return;
    this.#isEnded = true;
    this.#stopReading();
    this.#tunnel.reset(reason);
  }

  #stopReading(): boolean {
    if (this.#isRead) return false;
    this.#isRead = true;
    this.#reader.stop();
    this.#tunnel.body.onReadable = undefined;
    if (this.#tunnel.datagrams !== undefined) this.#tunnel.datagrams.onDatagram = undefined;
    return true;
  }

  #abort(reason: Error): void {
    this.#isEnded = true;
    if (this.#stopReading()) this.#options.onAbort(reason);
  }

  readonly #read = (): void => {
    if (this.#isRead) return;
    const { body } = this.#tunnel;
    try {
      for (let chunk = body.read(); chunk !== undefined && !this.#isRead; chunk = body.read()) {
        this.#reader.handle(chunk);
      }
      if (body.state !== "ended" || this.#isRead) return;
      this.#reader.handleEnd();
    } catch (error) {
      this.#refuse(error as Error);
      return;
    }
    // What was sent before the end has arrived; datagrams may still follow, but have no meaning (RFC 9297 §2.1).
    this.#stopReading();
    this.#options.onEnd();
  };

  /** The peer's capsules are malformed, or its user refused one. */
  #refuse(error: Error): void {
    this.reset(error);
    this.#options.onAbort(error);
  }

  #begin(type: VarInt, length: number): CapsuleTreatment {
    if (sameVarInt(type, CapsuleType.DATAGRAM)) {
      if (length <= this.#options.maxDatagram) return "collect";
      if (this.#options.refusesLarge === true) throw new CapsuleError(`a datagram of ${length} bytes`);
      return "skip";
    }
    const wanted = this.#options.capsules?.find((each) => sameVarInt(each.type, type));
    if (wanted === undefined) return "skip";
    if (length > wanted.maxLength) throw new CapsuleError(`capsule ${wanted.type} has ${length} bytes`);
    return "collect";
  }

  #collected(type: VarInt, value: Uint8Array): void {
    if (type === CapsuleType.DATAGRAM) this.#deliver(value);
    else this.#options.onCapsule?.(type as number, value);
  }

  #deliver(payload: Uint8Array): void {
    if (!this.#isRead) this.#options.onDatagram(payload);
  }
}
