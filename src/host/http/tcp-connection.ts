/** What the exchanges of one TCP connection share. */
import type { Socket } from "node:net";
import type { Holder } from "../budget.ts";
import type { Fault } from "../guard.ts";
import type { PeerAddress } from "./exchange.ts";
import type { Http1Pipeline } from "./http1-pipeline.ts";

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
  abort(reason: Error): void;
}

/** What a request under way takes beside its bytes, and one that waits in a pipeline. */
const EXCHANGE_COST = 8 * 1024;

export class TcpConnection implements Holder {
  readonly listener: ListenerState;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Requests that are not over yet. */
  readonly exchanges = new Set<Abortable>();
  /** HTTP/2: whether the head of a request has come. */
  hasAsked = false;
  /** HTTP/1.1: requests that wait for their turn. */
  pipeline: Http1Pipeline | undefined;
  /** HTTP/2: how often bytes were seen to leave, for writes that take long. */
  countMoves: (() => number) | undefined;
  readonly #cutOff: () => void;
  /** Bytes that left with exchanges that are over, and how many these were. */
  #done = 0;

  constructor(socket: Socket, listener: ListenerState, cutOff: () => void) {
    this.listener = listener;
    this.#cutOff = cutOff;
    this.remoteAddress = peerAddressFrom(socket.remoteAddress, socket.remotePort);
    this.localAddress = peerAddressFrom(socket.localAddress, socket.localPort);
  }

  end(exchange: Abortable): void {
    if (this.exchanges.delete(exchange)) this.#done += exchange.written + 1;
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
    return requests * EXCHANGE_COST + this.#sum(({ pending, unread }) => pending + unread);
  }

  awaitsPeer(): boolean {
    for (const { pending } of this.exchanges) if (pending > 0) return true;
    return false;
  }

  isBusy(): boolean {
    return this.exchanges.size > 0;
  }

  progress(): number {
    return this.#done + this.#sum(({ written, pending }) => written - pending) + (this.countMoves?.() ?? 0);
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
