/** The neighbours of this process in a server with workers: their part in connection ids and in passing on datagrams. */

import type { Ecn, ReceivedBatch } from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { after, type Instant, type Micros, seconds } from "../../base/time.ts";
import { type ConnectionIdGenerator, keyPeriodAt, RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";
import { type HostClock, wallTime } from "../clock.ts";
import type { Neighbours } from "../quic/environment.ts";
import type { Channel } from "./channel.ts";
import { NODE, type Place } from "./place.ts";
import { type Neighbourhood, type Reason, steer } from "./steering.ts";

/** Longer than any handshake that the previous generation began before a reload. */
const OFFER_TIME: Micros = seconds(30);

const HEADER_FORM = 0x80;
const LONG_ID = 6;

export interface Topology {
  readonly places: readonly Place[];
  readonly newest: number;
}

export class WorkerNeighbours implements Neighbours {
  readonly connectionIds: ConnectionIdGenerator;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  readonly #self: Place;
  readonly #clock: HostClock;
  readonly #keys: RoutedIdKeys;
  readonly #channel: Pick<Channel, "send" | "keep" | "onBatch">;
  #topology: Topology;
  #offersUntil: Instant;
  /** The batch that other processes have passed on, and why, while it is handled. */
  #handed: ReceivedBatch | undefined;
  #reasons: readonly Reason[] = [];

  constructor(
    self: Place,
    idKey: Uint8Array,
    channel: Pick<Channel, "send" | "keep" | "onBatch">,
    { clock, rng }: { readonly clock: HostClock; readonly rng: Rng },
  ) {
    this.#self = self;
    this.#clock = clock;
    this.#channel = channel;
    this.#keys = new RoutedIdKeys([idKey, idKey, idKey, idKey]);
    this.connectionIds = new RoutedConnectionIds(rng, this.#keys, { ...self, node: NODE }, () =>
      keyPeriodAt(wallTime(clock)),
    );
    this.#topology = { places: [self], newest: self.generation };
    this.#offersUntil = clock.now();
    channel.onBatch = (batch, reasons) => this.#handle(batch, reasons);
  }

  update(topology: Topology): void {
    if (topology.newest !== this.#topology.newest || this.#topology.places.length <= 1) {
      this.#offersUntil = after(this.#clock.now(), OFFER_TIME);
    }
    this.#topology = topology;
    this.#channel.keep(topology.places);
  }

  handOver(received: ReceivedBatch, index: number, now: Instant): boolean {
    const { arena } = received;
    const at = received.offset[index]!;
    const first = arena[at]!;
    // The endpoint has checked that the id is within the datagram.
    const isLong = (first & HEADER_FORM) !== 0;
    const start = at + (isLong ? LONG_ID : 1);
    const end = start + (isLong ? arena[at + LONG_ID - 1]! : this.connectionIds.length);
    const arrived = received === this.#handed ? this.#reasons[index] : undefined;
    const neighbourhood: Neighbourhood = {
      self: this.#self,
      ...this.#topology,
      offersToPrevious: now < this.#offersUntil,
    };
    const decision = steer(neighbourhood, this.#keys, { bytes: arena, start, end, first }, arrived);
    if (decision === undefined) return false;
    return this.#channel.send(decision.to, {
      reason: decision.reason,
      ecn: received.ecn[index] as Ecn,
      local: received.local[index]!,
      remote: received.remote[index]!,
      bytes: arena.subarray(at, at + received.length[index]!),
    });
  }

  #handle(batch: ReceivedBatch, reasons: readonly Reason[]): void {
    this.#handed = batch;
    this.#reasons = reasons;
    try {
      if (this.onBatch !== undefined) {
        this.onBatch(batch);
        return;
      }
      // HTTP/3 has closed here, while other protocols still drain: clients are for the newest generation.
      const now = this.#clock.now();
      for (let i = 0; i < batch.count; i += 1) this.handOver(batch, i, now);
    } finally {
      this.#handed = undefined;
    }
  }
}
