/** A client and a server of QMux in memory, in virtual time. Messages are delivered when `run` is called. */

import { after, type Instant, millis } from "../../../base/time.ts";
import { concat } from "../../../wire/text.ts";
import type { Role } from "../../mux/index.ts";
import type { SessionEvent } from "../../session.ts";
import { QmuxConnection } from "../qmux-connection.ts";
import type { QmuxVersion } from "../subprotocols.ts";

export class Side {
  readonly connection: QmuxConnection;
  readonly events: SessionEvent[] = [];
  isReady = false;
  /** Messages that it sent. */
  messages: Uint8Array[] = [];

  constructor(role: Role, version: QmuxVersion, now: Instant) {
    this.connection = new QmuxConnection({
      role,
      version,
      now,
      onReady: () => {
        this.isReady = true;
      },
      onPending: () => {},
    });
  }

  /** The events since the last call, in order. */
  poll(): SessionEvent[] {
    const { session } = this.connection;
    for (let next = session.pollEvent(); next !== undefined; next = session.pollEvent()) this.events.push(next);
    return this.events.splice(0);
  }

  /** Reads everything that is there. */
  read(id: number): { readonly bytes: Uint8Array; readonly fin: boolean } {
    const chunks: Uint8Array[] = [];
    let fin = false;
    for (let chunk = this.connection.read(id); chunk !== undefined; chunk = this.connection.read(id)) {
      chunks.push(chunk.bytes);
      fin = chunk.fin;
      if (fin) break;
    }
    return { bytes: concat(...chunks), fin };
  }
}

export class QmuxPair {
  readonly client: Side;
  readonly server: Side;
  now = 1_000_000 as Instant;

  constructor(version: QmuxVersion = "qmux-02") {
    this.client = new Side("client", version, this.now);
    this.server = new Side("server", version, this.now);
  }

  /** Delivers messages until there are none. */
  run(): this {
    for (let moved = true; moved; )
      moved = this.#move(this.client, this.server) || this.#move(this.server, this.client);
    return this;
  }

  advance(milliseconds: number): void {
    this.now = after(this.now, millis(milliseconds));
    for (const { connection } of [this.client, this.server]) {
      const due = connection.nextTimeout();
      if (due !== undefined && due <= this.now) connection.handleTimeout(this.now);
    }
  }

  #move(from: Side, to: Side): boolean {
    let moved = false;
    for (
      let next = from.connection.pollMessage(this.now);
      next !== undefined;
      next = from.connection.pollMessage(this.now)
    ) {
      from.messages.push(next);
      to.connection.handleMessage(next, this.now);
      moved = true;
    }
    return moved;
  }
}
