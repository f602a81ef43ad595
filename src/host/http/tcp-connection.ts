/** What the exchanges of one TCP connection share. */
import type { Socket } from "node:net";
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
  abort(reason: Error): void;
}

export class TcpConnection {
  readonly listener: ListenerState;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Requests that are not over yet. */
  readonly exchanges = new Set<Abortable>();
  /** HTTP/1.1: requests that wait for their turn. */
  pipeline: Http1Pipeline | undefined;

  constructor(socket: Socket, listener: ListenerState) {
    this.listener = listener;
    this.remoteAddress = peerAddressFrom(socket.remoteAddress, socket.remotePort);
    this.localAddress = peerAddressFrom(socket.localAddress, socket.localPort);
  }

  end(exchange: Abortable): void {
    this.exchanges.delete(exchange);
    this.pipeline?.next();
  }

  abort(): void {
    this.pipeline?.stop();
    for (const exchange of this.exchanges) exchange.abort(new Error("the client closed the connection"));
    this.exchanges.clear();
  }
}

/** An address of Node's as people write it: an IPv4 address that came through an IPv6 socket is an IPv4 address. */
export function peerAddressFrom(address = "", port = 0): PeerAddress {
  const mapped = address.startsWith("::ffff:") && address.includes(".");
  const plain = mapped ? address.slice(7) : address;
  return { address: plain, port, family: plain.includes(":") ? "IPv6" : "IPv4" };
}
