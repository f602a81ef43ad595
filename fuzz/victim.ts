/**
 * A live victim with a hostile peer: an endpoint of either role with an application that reads, echoes and opens
 * streams. Detects faults that the peer did not cause and deadlines that stay in the past.
 */

import { errorName, ProtocolError } from "../src/base/errors.ts";
import { type Micros, millis, seconds } from "../src/base/time.ts";
import { H3_ERRORS } from "../src/h3/index.ts";
import { QPACK_ERRORS } from "../src/qpack/index.ts";
import { type CloseReason, type Connection, type ConnectionEvent, TRANSPORT_ERRORS } from "../src/quic/index.ts";
import type { HostileOptions } from "../src/quic/testing/hostile-options.ts";
import { HostilePeer } from "../src/quic/testing/hostile-peer.ts";
import { formatVarInt } from "../src/wire/varint.ts";
import type { Chance } from "./chance.ts";
import { openEngine, openIdentity } from "./open-engine.ts";
import { VictimFault } from "./session.ts";

const APPLICATION_ERRORS = { ...H3_ERRORS, ...QPACK_ERRORS };

/** The victim hangs if it meets a deadline at one instant more often than this. */
const MAX_TURNS = 50;

export class Victim {
  readonly peer: HostilePeer;
  readonly #chance: Chance;
  readonly #ended = new WeakSet<Connection>();
  /** The code with which the victim closed its connection because of a peer error. */
  #closedWith: number | undefined;
  outcome: string | undefined;

  constructor(chance: Chance, options: Omit<HostileOptions, "engine" | "identity" | "seed">) {
    this.#chance = chance;
    this.peer = new HostilePeer({
      engine: openEngine,
      identity: openIdentity,
      seed: chance.rng.uint32(),
      keepsNothing: true,
      ...options,
    });
    this.peer.onEvent = (connection, event) => this.#handleEvent(connection, event);
  }

  /** The victim's application. */
  onEvent: (connection: Connection, event: ConnectionEvent) => void = echo;

  #handleEvent(connection: Connection, event: ConnectionEvent): void {
    if (this.#ended.has(connection)) throw new VictimFault(`${event.type} after the connection had ended`);
    if (event.type === "closed") {
      this.#ended.add(connection);
      this.outcome ??= describe(event.reason);
      checkCause(event.reason);
      const { reason } = event;
      if (reason.type === "local" && reason.cause !== undefined) this.#closedWith = reason.code as number;
    }
    this.onEvent(connection, event);
  }

  /** The victim's application acts on its own. */
  act(): void {
    const { peer } = this;
    const chance = this.#chance;
    const { connection } = peer;
    if (connection === undefined || !connection.isOpen) return;
    // Streams of either side, which may no longer exist.
    const id = chance.below(16);
    switch (chance.below(40)) {
      case 0:
        connection.close(chance.below(0x100), "enough");
        break;
      case 1:
        connection.abandon();
        break;
      case 2:
      case 3:
        connection.updateKeys();
        break;
      case 4:
      case 5:
        while (connection.readDatagram() !== undefined && !chance.oneIn(3));
        break;
      case 6:
        connection.openDatagramFlow().send(chance.bytes(900));
        break;
      default:
        this.#actOnStream(connection, id);
    }
  }

  #actOnStream(connection: Connection, id: number): void {
    const chance = this.#chance;
    try {
      switch (chance.below(6)) {
        case 0:
          connection.reset(id, chance.varint());
          break;
        case 1:
          connection.stopSending(id, chance.varint());
          break;
        case 2:
          connection.read(id, chance.below(100));
          break;
        case 3:
          connection.openStream(chance.pick(["bidi", "uni"]));
          break;
        default:
          if (connection.writableBytes(id) > 0) {
            connection.write(id, new Uint8Array(chance.below(30_000)), chance.oneIn(8));
          }
      }
    } catch (error) {
      // Misuse of a stream by the application must be reported to it, without other effects.
      if (!(error instanceof RangeError) || !/^stream \d+ /.test(error.message)) throw error;
    }
  }

  /** Receives the victim's packets, then advances time a little, occasionally a lot. */
  settle(): void {
    const { peer } = this;
    peer.poll();
    this.#checkRest();
    if (this.#chance.oneIn(4)) this.wait(this.#span());
    // A connection that receives nothing more ends on its own.
    if (peer.victim.connectionCount === 0) this.outcome ??= "gone";
  }

  #span(): Micros {
    if (this.#chance.oneIn(200)) return seconds(1 + this.#chance.below(12));
    return this.#chance.oneIn(8) ? millis(this.#chance.below(200)) : millis(this.#chance.below(4));
  }

  wait(span: Micros): void {
    this.peer.wait(span);
    this.#checkRest();
  }

  /** Checks that the peer received the close reason, for sessions with one connection and a completed handshake. */
  checkCloseReason(): void {
    const { close, unreadable } = this.peer;
    if (this.#closedWith === undefined || unreadable > 0 || close?.code === this.#closedWith) return;
    throw new VictimFault(`closed with ${this.#closedWith}, but sent ${close?.code}`);
  }

  /** Waits longer than any timeout; nothing may remain. */
  end(): void {
    const { peer } = this;
    peer.isSilent = true;
    this.wait(seconds(300));
    if (peer.victim.connectionCount > 0) throw new VictimFault("a connection was never released");
    if (peer.victim.nextTimeout() !== undefined) throw new VictimFault("a deadline remains without a connection");
  }

  /** After polling everything no deadline may be due, or a host would spin. */
  #checkRest(): void {
    const { peer } = this;
    for (let turns = 0; turns < MAX_TURNS; turns += 1) {
      const next = peer.victim.nextTimeout();
      if (next === undefined || next > peer.now) return;
      peer.victim.handleTimeout(peer.now);
      peer.poll();
    }
    throw new VictimFault("a deadline stays in the past");
  }
}

/** Reads everything, echoes some of it, and opens its own streams. */
export function echo(connection: Connection, event: ConnectionEvent): void {
  if (event.type === "connected") {
    for (const direction of ["bidi", "uni"] as const) {
      const id = connection.openStream(direction);
      if (id !== undefined) connection.write(id, new Uint8Array(3_000), id % 8 < 4);
    }
  }
  if (event.type === "stream-stopped") connection.reset(event.id, event.code);
  if (event.type === "stream-reset" && event.id % 4 < 2) connection.reset(event.id, event.code);
  if (event.type !== "stream-readable") return;
  for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
    if (event.id % 4 >= 2 || connection.writableBytes(event.id) === 0) continue;
    connection.write(event.id, chunk.bytes.subarray(0, 100), chunk.fin);
  }
}

/** A short label for the statistics. */
function describe(reason: CloseReason): string {
  if (reason.type !== "local" && reason.type !== "peer") return reason.type;
  if (reason.type === "peer") return "closed by the peer";
  const { layer, code } = reason;
  const table = layer === "transport" ? TRANSPORT_ERRORS : APPLICATION_ERRORS;
  const name = typeof code === "number" ? errorName(table, code) : undefined;
  if (name !== undefined) return name;
  return layer === "transport" ? `CRYPTO_ERROR ${formatVarInt(code)}` : "closed by its application";
}

/** Peer errors must be reported as such: an INTERNAL_ERROR with another cause is our own fault. */
function checkCause(reason: CloseReason): void {
  if (reason.type !== "local" || reason.layer !== "transport" || reason.cause === undefined) return;
  if (!(reason.cause instanceof ProtocolError)) throw new VictimFault(reason.phrase, { cause: reason.cause });
}
