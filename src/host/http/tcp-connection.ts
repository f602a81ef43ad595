/** What the exchanges of one TCP connection share. */
import type { Socket } from "node:net";
import type { Holder } from "../budget.ts";
import type { Fault } from "../guard.ts";
import type { PeerAddress } from "./exchange.ts";
import type { Http1Pipeline } from "./http1-pipeline.ts";
import { SharedRoom } from "./shared-room.ts";

/** The listener's state that every response looks at. */
export interface ListenerState {
  draining: boolean;
  altSvc: string | undefined;
  readonly onFault: (fault: Fault) => void;
}

export interface Abortable {
  /** Of the response; undefined before it has begun. */
  readonly status: number | undefined;
  /** Bytes that were written and have not left. */
  readonly pending: number;
  /** Bytes written so far. */
  readonly written: number;
  /** Bytes of the request that came and were not read. */
  readonly unread: number;
  /** Bytes of the request that were read. */
  readonly taken: number;
  /** Nothing is answered before more of the request has come. */
  readonly awaitsBody: boolean;
  /** Bytes of the response that are kept ready. */
  readonly heldAside: number;
  abort(reason: Error): void;
}

/** As much as a connection of HTTP/3 may keep for one stream. */
const MAX_PENDING = 4 * 1024 * 1024;

/** What a request under way takes beside its bytes, and one that waits in a pipeline. */
const EXCHANGE_COST = 8 * 1024;

export class TcpConnection implements Holder {
  readonly listener: ListenerState;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Requests that are not over yet. */
  readonly exchanges = new Set<Abortable>();
  /** HTTP/2: true once the head of a request has arrived. */
  hasAsked = false;
  /** HTTP/2: what all responses together may have waiting. */
  readonly room: SharedRoom = new SharedRoom({
    most: MAX_PENDING,
    used: () => this.#sum(({ pending }) => pending),
  });
  /** HTTP/1.1: requests that wait for their turn. */
  pipeline: Http1Pipeline | undefined;
  /** HTTP/2: bytes that were seen to leave, for writes that take long. */
  countMoves: (() => number) | undefined;
  readonly #cutOff: () => void;
  /** Bytes that left and came with exchanges that are over, and how many these were. */
  #done = 0;

  constructor(socket: Socket, listener: ListenerState, cutOff: () => void) {
    this.listener = listener;
    this.#cutOff = cutOff;
    this.remoteAddress = peerAddressFrom(socket.remoteAddress, socket.remotePort);
    this.localAddress = peerAddressFrom(socket.localAddress, socket.localPort);
  }

  end(exchange: Abortable): void {
    if (this.exchanges.delete(exchange)) this.#done += exchange.written + exchange.taken + 1;
    this.room.update();
    this.pipeline?.next();
  }

  abort(): void {
    this.pipeline?.stop();
    for (const exchange of this.exchanges) exchange.abort(new Error("the client closed the connection"));
    this.exchanges.clear();
  }

  // ── What the budget asks ────────────────────────────────────────────────────────────────────────────────────────────

  held(): number {
    const requests = this.exchanges.size + (this.pipeline?.waiting ?? 0);
    return requests * EXCHANGE_COST + this.#sum(({ pending, unread, heldAside }) => pending + unread + heldAside);
  }

  awaitsPeer(): boolean {
    for (const { pending, awaitsBody } of this.exchanges) if (pending > 0 || awaitsBody) return true;
    return false;
  }

  isBusy(): boolean {
    return this.exchanges.size > 0;
  }

  progress(): number {
    return (
      this.#done + this.#sum(({ written, pending, taken }) => written - pending + taken) + (this.countMoves?.() ?? 0)
    );
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

/** An address of Node's as people write it: an IPv4 address that came through an IPv6 socket is an IPv4 address. */
export function peerAddressFrom(address = "", port = 0): PeerAddress {
  const mapped = address.startsWith("::ffff:") && address.includes(".");
  const plain = mapped ? address.slice(7) : address;
  return { address: plain, port, family: plain.includes(":") ? "IPv6" : "IPv4" };
}
