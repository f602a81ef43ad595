/** A peer of Warp or of the MoQ base draft at a relay: streams at once, mutated, cut, reset and stopped, while another peer watches. */

import { after, type Instant, instant, millis } from "../../src/base/time.ts";
import { EVERYTHING, type OrderedCarrier, Relay, SEGMENT_PROTOCOLS, SegmentPeer } from "../../src/media/index.ts";
import { utf8 } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";
import { BaseDraftStreams, WarpStreams } from "./warp.ts";

const ENOUGH = 150;
const CACHE = 256 * 1024;
const MAX_OPEN = 8;

/** Takes what is written; has room, streams and patience by chance. */
class Sink implements OrderedCarrier {
  readonly #chance: Chance;
  streams = 0;
  isClosed = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  openStream(): number | undefined {
    if (this.#chance.oneIn(10)) return undefined;
    this.streams += 1;
    return 3 + 4 * this.streams;
  }

  write(): boolean {
    return !this.#chance.oneIn(4);
  }

  setOrder(): void {}
  reset(): void {}
  stopSending(): void {}

  close(): void {
    this.isClosed = true;
  }
}

class SegmentPeerVictim implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #relay = new Relay({ cacheBytes: CACHE, trackBytes: CACHE });
  readonly #streams: WarpStreams | BaseDraftStreams;
  readonly #peers: readonly { readonly peer: SegmentPeer; readonly sink: Sink }[];
  /** What is left of streams of the publisher. */
  readonly #open = new Map<number, Uint8Array>();
  #next = 2;
  #now: Instant = instant(0);
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const protocol = this.#chance.pick(SEGMENT_PROTOCOLS);
    this.#streams = protocol === "warp-01" ? new WarpStreams(seed) : new BaseDraftStreams(seed);
    this.#peers = ["publisher", "viewer"].map((label) => {
      const sink = new Sink(this.#chance);
      const peer = new SegmentPeer({
        relay: this.#relay,
        protocol,
        role: "server",
        carrier: sink,
        label,
        grant: EVERYTHING,
        namespace: [utf8("live")],
        now: () => this.#now,
        date: () => 1_700_000_000_000 + this.#now / 1_000,
      });
      peer.start(this.#now);
      return { peer, sink };
    });
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#now = after(this.#now, millis(chance.below(100)));
    if (this.#open.size < MAX_OPEN && chance.oneIn(3)) this.#begin();
    this.#goOn();
    if (chance.oneIn(8)) this.#disturb();
    for (const { peer } of this.#peers) {
      const next = peer.nextTimeout();
      if (next !== undefined && next <= this.#now) peer.handleTimeout(this.#now);
    }
    this.#relay.handleTimeout(this.#now);
    const { cachedBytes } = this.#relay.stats();
    if (cachedBytes > CACHE) throw new VictimFault(`${cachedBytes} bytes are cached`);
    if (this.#peers[0]!.sink.isClosed) this.outcome = "closed";
    else if (this.#steps >= ENOUGH) this.outcome = "enough";
  }

  end(): void {
    for (const { peer } of this.#peers) peer.handleClosed(1, "over", this.#now);
    const { peers, viewers } = this.#relay.stats();
    if (peers + viewers.length > 0) throw new VictimFault(`${peers} peers and ${viewers.length} viewers are left`);
  }

  #begin(): void {
    const bytes = this.#streams.stream();
    this.#open.set(this.#next, this.#chance.oneIn(4) ? mutate(bytes, this.#chance) : bytes.slice());
    this.#peers[0]!.peer.handleStream(this.#next, this.#chance.oneIn(30) ? "bidi" : "uni");
    this.#next += 4;
  }

  /** The next piece of each stream. */
  #goOn(): void {
    const { peer } = this.#peers[0]!;
    for (const [id, bytes] of [...this.#open]) {
      const length = this.#chance.below(2_000);
      const isLast = length >= bytes.length;
      peer.handleData(id, "uni", bytes.slice(0, length), isLast && !this.#chance.oneIn(9), this.#now);
      if (isLast) this.#open.delete(id);
      else this.#open.set(id, bytes.subarray(length));
    }
  }

  #disturb(): void {
    const chance = this.#chance;
    const { peer, sink } = chance.pick(this.#peers);
    const own = 3 + 4 * (1 + chance.below(sink.streams + 1));
    switch (chance.below(5)) {
      case 0:
        for (const id of [...this.#open.keys()].slice(0, 1)) {
          this.#open.delete(id);
          this.#peers[0]!.peer.handleReset(id, chance.below(5), this.#now);
        }
        break;
      case 1:
        peer.handleStopped(own, chance.below(5), this.#now);
        break;
      case 2:
        peer.handleWritable(own, this.#now);
        break;
      case 3:
        peer.handleFinished(own, this.#now);
        break;
      default:
        peer.handleStreamsAvailable(this.#now);
    }
  }
}

export const segmentPeer: Target = { name: "segment-peer", start: (seed) => new SegmentPeerVictim(seed) };
