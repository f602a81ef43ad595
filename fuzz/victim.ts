/**
 * A live victim behind a hostile peer: an endpoint of either role with an application that reads, echoes and opens
 * streams. Watches for what must not happen: a fault that is not the peer's, a deadline that has passed for ever.
 */

import { errorName, ProtocolError } from "../src/base/errors.ts";
import { type Micros, millis, seconds } from "../src/base/time.ts";
import { type CloseReason, type Connection, type ConnectionEvent, TRANSPORT_ERRORS } from "../src/quic/index.ts";
import { type HostileOptions, HostilePeer } from "../src/quic/testing/hostile-peer.ts";
import { formatVarInt } from "../src/wire/varint.ts";
import type { Chance } from "./chance.ts";
import { openEngine, openIdentity } from "./open-engine.ts";
import { VictimFault } from "./session.ts";

/** How often a deadline may be met at one instant before the victim counts as hung. */
const MAX_TURNS = 50;

export class Victim {
  readonly peer: HostilePeer;
  readonly #chance: Chance;
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
    if (event.type === "closed") {
      this.outcome ??= describe(event.reason);
      checkCause(event.reason);
    }
    this.onEvent(connection, event);
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
    if (event.id % 4 < 2) connection.write(event.id, chunk.bytes.subarray(0, 100), chunk.fin);
  }
}

/** A short name for a histogram. */
function describe(reason: CloseReason): string {
  if (reason.type !== "local" && reason.type !== "peer") return reason.type;
  if (reason.type === "peer") return "closed by the peer";
  const { layer, code } = reason;
  const name = layer === "transport" && typeof code === "number" ? errorName(TRANSPORT_ERRORS, code) : undefined;
  if (name !== undefined) return name;
  return `${layer === "transport" ? "CRYPTO_ERROR" : "application"} ${formatVarInt(code)}`;
}

/** Whatever a peer does is the peer's error: an INTERNAL_ERROR of another cause is a fault of ours. */
function checkCause(reason: CloseReason): void {
  if (reason.type !== "local" || reason.layer !== "transport" || reason.cause === undefined) return;
  if (!(reason.cause instanceof ProtocolError)) throw new VictimFault(reason.phrase, { cause: reason.cause });
}
