/** State shared by the exchanges of one TCP connection. */
import type { Socket } from "node:net";
import type { Holder } from "../budget.ts";
import type { Fault } from "../guard.ts";
import type { Timer } from "../timer.ts";
import type { PeerAddress } from "./exchange.ts";
import type { Http1Pipeline } from "./http1-pipeline.ts";
import type { Http2Intake } from "./http2-intake.ts";
import { Http2Outbox } from "./http2-outbox.ts";
import type { RefusedHeads } from "./http2-refused-heads.ts";
import type { Http2Priorities } from "./http2-tap.ts";
import { OpenTunnels } from "./open-tunnels.ts";
import { SharedRoom } from "./shared-room.ts";
import { type Addresses, statedAddresses } from "./stated-addresses.ts";

/** The listener's state that affects every response. */
export interface ListenerState {
  draining: boolean;
  /** Milliseconds for which connections without requests stay open while the listener drains. */
  notice: number;
  altSvc: string | undefined;
  readonly tunnels: OpenTunnels;
  /** HTTP/2: true if WebTransport sessions are taken. */
  readonly takesSessions: boolean;
  readonly onFault: (fault: Fault) => void;
}

export const listenerState = (takesSessions: boolean, onFault: (fault: Fault) => void): ListenerState => ({
  draining: false,
  notice: 0,
  altSvc: undefined,
  tunnels: new OpenTunnels(),
  takesSessions,
  onFault,
});

export interface Abortable {
  /** The response's status; undefined before it has begun. */
  readonly status: number | undefined;
  /** Bytes written but not sent yet. */
  readonly pending: number;
  /** Bytes written so far. */
  readonly written: number;
  /** Received bytes of the request that were not read yet. */
  readonly unread: number;
  /** Bytes of the request read so far. */
  readonly consumed: number;
  /** True if the response waits for more of the request. */
  readonly awaitsBody: boolean;
  /** Estimated bytes prepared for the next write. */
  readonly preparedBytes: number;
  abort(reason: Error): void;
  /** HTTP/1.1: called when the socket's buffer has room again. */
  handleDrain?(): void;
}

/** The same as HTTP/3's limit for one stream. */
const MAX_PENDING = 4 * 1024 * 1024;

/** Overhead in bytes of a request in progress or waiting in a pipeline. */
const EXCHANGE_COST = 8 * 1024;

export class TcpConnection implements Holder {
  readonly listener: ListenerState;
  /** The TLS connection. HTTP/2's stands for it, and throws once the session has ended. */
  readonly socket: Socket;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Exchanges in progress. */
  readonly exchanges = new Set<Abortable>();
  /** HTTP/2: runs until the first request head arrives. */
  headTimer: Timer | undefined;
  /** HTTP/2: the send buffer limit shared by all responses. */
  readonly room: SharedRoom = new SharedRoom(MAX_PENDING, this);
  /** HTTP/1.1: requests waiting for their turn. */
  pipeline: Http1Pipeline | undefined;
  /** HTTP/2: the same. */
  intake: Http2Intake | undefined;
  /** HTTP/2: heads that Node refuses. */
  refusedHeads: RefusedHeads | undefined;
  /** HTTP/2: the requests by their streams, if the listener reads PRIORITY_UPDATE frames. */
  priorities: Http2Priorities | undefined;
  /** HTTP/2: an estimate of the bytes sent, which shows the progress of long writes. */
  countSentBytes: (() => number) | undefined;
  #outbox: Http2Outbox | undefined;
  readonly #cutOff: () => void;
  /** The progress of finished exchanges: their bytes, plus one for each. */
  #done = 0;

  constructor(socket: Socket, listener: ListenerState, cutOff: () => void) {
    this.listener = listener;
    this.#cutOff = cutOff;
    this.socket = socket;
    const { remote, local } = addressesOf(socket);
    this.remoteAddress = remote;
    this.localAddress = local;
  }

  /** HTTP/2: the content of responses, by priority. */
  get outbox(): Http2Outbox {
    this.#outbox ??= new Http2Outbox({
      socket: this.socket,
      onSent: () => this.room.update(),
      onFault: this.listener.onFault,
    });
    return this.#outbox;
  }

  /** Bytes of all responses that are queued. */
  get bytesBuffered(): number {
    return this.#sum(({ pending }) => pending);
  }

  isAbused(): boolean {
    return this.refusedHeads?.look() === true;
  }

  end(exchange: Abortable): void {
    if (this.exchanges.delete(exchange)) this.#done += exchange.written + exchange.consumed + 1;
    this.room.update();
    this.pipeline?.next();
  }

  handleDrain(): void {
    for (const exchange of this.exchanges) exchange.handleDrain?.();
  }

  abort(reason = new Error("the client closed the connection")): void {
    this.pipeline?.stop();
    for (const exchange of this.exchanges) exchange.abort(reason);
    this.exchanges.clear();
  }

  // ── For the budget ────────────────────────────────────────────────────────────────────────────────────────────────

  held(): number {
    const requests = this.exchanges.size + (this.pipeline?.waiting ?? 0);
    return (
      requests * EXCHANGE_COST + this.#sum(({ pending, unread, preparedBytes }) => pending + unread + preparedBytes)
    );
  }

  awaitsPeer(): boolean {
    for (const { pending, awaitsBody } of this.exchanges) if (pending > 0 || awaitsBody) return true;
    return false;
  }

  awaitsReader(): boolean {
    for (const { pending } of this.exchanges) if (pending > 0) return true;
    return false;
  }

  isBusy(): boolean {
    return this.exchanges.size > 0;
  }

  progress(): number {
    return this.#done + this.#sum(({ consumed }) => consumed) + this.read();
  }

  read(): number {
    return this.#sum(({ written, pending }) => written - pending) + (this.countSentBytes?.() ?? 0);
  }

  shed(reason: string): void {
    this.pipeline?.stop();
    for (const exchange of this.exchanges) exchange.abort(new Error(reason));
    this.#cutOff();
  }

  #sum(of: (exchange: Abortable) => number): number {
    let sum = 0;
    for (const exchange of this.exchanges) sum += of(exchange);
    return sum;
  }
}

/** As a load balancer states them (the PROXY protocol), or else the socket's own. */
export const addressesOf = (socket: Socket): Addresses =>
  statedAddresses(socket) ?? {
    remote: peerAddressFrom(socket.remoteAddress, socket.remotePort),
    local: peerAddressFrom(socket.localAddress, socket.localPort),
  };

/** Converts Node's address to the usual form: an IPv4-mapped IPv6 address becomes an IPv4 address. */
export function peerAddressFrom(address = "", port = 0): PeerAddress {
  const mapped = address.startsWith("::ffff:") && address.includes(".");
  const plain = mapped ? address.slice(7) : address;
  return { address: plain, port, family: plain.includes(":") ? "IPv6" : "IPv4" };
}
