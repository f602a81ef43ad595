/**
 * A live victim behind a hostile peer: an endpoint of either role with an application that reads, echoes and opens
 * streams. Watches for what must not happen: a fault that is not the peer's, a deadline that has passed for ever.
 */

import { errorName, ProtocolError } from "../src/base/errors.ts";
import { type Micros, millis, seconds } from "../src/base/time.ts";
import { H3_ERRORS } from "../src/h3/index.ts";
import { QPACK_ERRORS } from "../src/qpack/index.ts";
import { type CloseReason, type Connection, type ConnectionEvent, TRANSPORT_ERRORS } from "../src/quic/index.ts";
import { type HostileOptions, HostilePeer } from "../src/quic/testing/hostile-peer.ts";
import { formatVarInt } from "../src/wire/varint.ts";
import type { Chance } from "./chance.ts";
import { openEngine, openIdentity } from "./open-engine.ts";
import { VictimFault } from "./session.ts";

const APPLICATION_ERRORS = { ...H3_ERRORS, ...QPACK_ERRORS };

/** How often a deadline may be met at one instant before the victim counts as hung. */
const MAX_TURNS = 50;

export class Victim {
  readonly peer: HostilePeer;
  readonly #chance: Chance;
  readonly #over = new WeakSet<Connection>();
  /** The code with which the victim closed its connection for a fault of the peer's. */
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
    if (this.#over.has(connection)) throw new VictimFault(`${event.type} after the connection was over`);
    if (event.type === "closed") {
      this.#over.add(connection);
      this.outcome ??= describe(event.reason);
      checkCause(event.reason);
      const { reason } = event;
      if (reason.type === "local" && reason.cause !== undefined) this.#closedWith = reason.code as number;
    }
    this.onEvent(connection, event);
  }

  /** The victim's application does something of its own accord. */
  act(): void {
    const { peer } = this;
    const chance = this.#chance;
    const { connection } = peer;
    if (connection === undefined || !connection.isOpen) return;
    // Streams of either side that may or may not be there any more.
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
      // What an application must not ask of a stream is told to it, and to nobody else.
      if (!(error instanceof RangeError) || !/^stream \d+ /.test(error.message)) throw error;
    }
  }

  /** Takes the victim's answers, then lets a little time go by, now and then a lot. */
  settle(): void {
    const { peer } = this;
    peer.poll();
    this.#checkRest();
    if (this.#chance.oneIn(4)) this.wait(this.#span());
    // Connections that nobody hears of any more end by themselves.
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

  /** The peer hears why it was left, if it can hear anything: for sessions of one connection with a finished handshake. */
  checkFarewell(): void {
    const { close, unreadable } = this.peer;
    if (this.#closedWith === undefined || unreadable > 0 || close?.code === this.#closedWith) return;
    throw new VictimFault(`closed with ${this.#closedWith}, but said ${close?.code}`);
  }

  /** Longer than any timeout: nothing may be left. */
  end(): void {
    const { peer } = this;
    peer.isSilent = true;
    this.wait(seconds(300));
    if (peer.victim.connectionCount > 0) throw new VictimFault("a connection is never forgotten");
    if (peer.victim.nextTimeout() !== undefined) throw new VictimFault("a deadline is left without a connection");
  }

  /** All polled: no deadline may be due, or a host would spin. */
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

/** Reads everything, writes back some of it, opens streams of its own. */
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

/** A short name for a histogram. */
function describe(reason: CloseReason): string {
  if (reason.type !== "local" && reason.type !== "peer") return reason.type;
  if (reason.type === "peer") return "closed by the peer";
  const { layer, code } = reason;
  const table = layer === "transport" ? TRANSPORT_ERRORS : APPLICATION_ERRORS;
  const name = typeof code === "number" ? errorName(table, code) : undefined;
  if (name !== undefined) return name;
  return layer === "transport" ? `CRYPTO_ERROR ${formatVarInt(code)}` : "closed by its application";
}

/** Whatever a peer does is the peer's error: an INTERNAL_ERROR of another cause is a fault of ours. */
function checkCause(reason: CloseReason): void {
  if (reason.type !== "local" || reason.layer !== "transport" || reason.cause === undefined) return;
  if (!(reason.cause instanceof ProtocolError)) throw new VictimFault(reason.phrase, { cause: reason.cause });
}
