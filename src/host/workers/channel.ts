/**
 * The way between the processes of a server, for datagrams that reached the wrong one: a UNIX domain socket for each
 * process, in a folder that only the server's user may enter. The opener first sends a secret that the supervisor gave to
 * all processes; anything else is closed and reported.
 *
 * Datagrams are copied and may be dropped, as by a network: when a process is slow, gone, or not there yet.
 */

import { timingSafeEqual } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { ReceivedBatch } from "../../base/datagrams.ts";
import { type Fault, guard, ignore } from "../guard.ts";
import { bindServer } from "../http/bind-server.ts";
import { AddressCache, encodeHanded, type HandedDatagram, HandedReader } from "./handed-datagram.ts";
import { type Place, placeName, samePlace } from "./place.ts";
import type { Reason } from "./steering.ts";

export const SECRET_LENGTH = 32;
/** Bytes that wait for one process; further datagrams are dropped. */
const MAX_WAITING = 4 * 1024 * 1024;
/** The time that an opener has to send the secret, in milliseconds. */
const HELLO_TIMEOUT = 2_000;
const ARENA_SIZE = 256 * 1024;
const BATCH_CAPACITY = 1024;

export interface ChannelOptions {
  readonly folder: string;
  readonly secret: Uint8Array;
  readonly self: Place;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

export class Channel {
  /** Called with datagrams that others have passed on, and the reason for each. */
  onBatch: ((batch: ReceivedBatch, reasons: readonly Reason[]) => void) | undefined;
  readonly #options: ChannelOptions;
  readonly #server: Server;
  readonly #incoming = new Set<Socket>();
  readonly #outgoing = new Map<string, Socket>();
  readonly #addresses = new AddressCache();
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_SIZE), BATCH_CAPACITY);
  readonly #reasons: Reason[] = [];
  #isStrangerReported = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#server = createServer(
      guard(
        "worker channel opened",
        (fault, socket) => this.#drop(fault, socket),
        (socket: Socket) => this.#accept(socket),
      ),
    );
  }

  async open(): Promise<void> {
    const path = this.#path(this.#options.self);
    // A process that was killed left it behind.
    rmSync(path, { force: true });
    await bindServer(this.#server, { path }, this.#options.onFault);
    chmodSync(path, 0o600);
    this.#server.unref();
  }

  #path(place: Place): string {
    return join(this.#options.folder, placeName(place));
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Closes the ways to processes that are gone. */
  keep(places: readonly Place[]): void {
    const names = new Set(places.map(placeName));
    for (const [name, socket] of this.#outgoing) if (!names.has(name)) socket.destroy();
  }

  /** Returns false if the datagram cannot be passed on. */
  send(to: Place, datagram: HandedDatagram): boolean {
    if (samePlace(to, this.#options.self)) return false;
    const socket = this.#outgoing.get(placeName(to)) ?? this.#connect(to);
    if (socket.writableLength > MAX_WAITING) return true; // taken, and lost on the way
    // One write for all datagrams of this turn.
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(guard("worker channel flush", this.#options.onFault, () => socket.uncork()));
    }
    socket.write(encodeHanded(datagram));
    return true;
  }

  #connect(to: Place): Socket {
    const name = placeName(to);
    const socket = createConnection(this.#path(to));
    this.#outgoing.set(name, socket);
    socket.on("error", ignore); // "close" follows
    socket.on(
      "close",
      guard("worker channel lost", this.#options.onFault, () => {
        if (this.#outgoing.get(name) === socket) this.#outgoing.delete(name);
      }),
    );
    socket.unref();
    socket.write(this.#options.secret);
    return socket;
  }

  // ── Receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #drop = (fault: Fault, socket: Socket): void => {
    socket.destroy();
    this.#options.onFault(fault);
  };

  #accept(socket: Socket): void {
    this.#incoming.add(socket);
    socket.unref();
    socket.on("error", ignore);
    const refuse = (): void => {
      socket.destroy();
      if (this.#isStrangerReported) return;
      this.#isStrangerReported = true;
      this.#options.log("nagare: a stranger opened the channel between workers, and was refused");
    };
    socket.setTimeout(
      HELLO_TIMEOUT,
      guard("worker channel silence", (fault) => this.#drop(fault, socket), refuse),
    );
    socket.once(
      "close",
      guard("worker channel closed", this.#options.onFault, () => this.#incoming.delete(socket)),
    );
    let hello = Buffer.alloc(0);
    let isKnown = false;
    const reader = new HandedReader(this.#addresses);
    const receive = (given: Buffer): void => {
      let chunk = given;
      if (!isKnown) {
        hello = Buffer.concat([hello, chunk]);
        if (hello.length < SECRET_LENGTH) return;
        isKnown = timingSafeEqual(hello.subarray(0, SECRET_LENGTH), this.#options.secret);
        if (!isKnown) {
          refuse();
          return;
        }
        socket.setTimeout(0);
        chunk = hello.subarray(SECRET_LENGTH);
      }
      if (!reader.push(chunk, this.#add)) socket.destroy();
      this.#deliver();
    };
    socket.on(
      "data",
      guard("worker channel data", (fault) => this.#drop(fault, socket), receive),
    );
  }

  readonly #add = ({ reason, ecn, local, remote, bytes }: HandedDatagram): void => {
    if (!this.#batch.push(bytes, local, remote, ecn)) {
      this.#deliver();
      if (!this.#batch.push(bytes, local, remote, ecn)) return;
    }
    this.#reasons.push(reason);
  };

  #deliver(): void {
    try {
      if (this.#batch.count > 0) this.onBatch?.(this.#batch, this.#reasons);
    } finally {
      this.#batch.clear();
      this.#reasons.length = 0;
    }
  }

  async close(): Promise<void> {
    for (const socket of [...this.#incoming, ...this.#outgoing.values()]) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
