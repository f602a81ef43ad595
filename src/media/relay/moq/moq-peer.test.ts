/** A relay between a publisher and a viewer that speak MoQ Transport, through the whole stack but the network. */

import { describe, expect, test } from "vitest";
import { type Instant, instant, millis } from "../../../base/time.ts";
import { utf8 } from "../../../wire/text.ts";
import { BmffReader } from "../../bmff/index.ts";
import { BroadcastPublisher, BroadcastWatcher } from "../../broadcast/index.ts";
import type { Draft } from "../../moq/draft.ts";
import type { StreamDirection, StreamId } from "../../moq/session/index.ts";
import { TestSource } from "../../test-source/index.ts";
import { EVERYTHING, type JoinWishes, MoqPeer, type MoqPeerOptions, Relay, type RoomyCarrier } from "../index.ts";

const at = (milliseconds: number): Instant => instant(millis(milliseconds));

/** One end of a connection in memory. */
class End implements RoomyCarrier {
  peer!: MoqPeer;
  other!: End;
  readonly directions: Map<StreamId, StreamDirection>;
  readonly queue: (() => void)[];
  readonly #first: number;
  #opened = 0;
  isFull = false;
  isClosed = false;

  constructor(directions: Map<StreamId, StreamDirection>, queue: (() => void)[], first: number) {
    this.directions = directions;
    this.queue = queue;
    this.#first = first;
  }

  openStream(direction: StreamDirection): StreamId {
    const id = this.#first + 2 * this.#opened;
    this.#opened += 1;
    this.directions.set(id, direction);
    this.queue.push(() => this.other.peer.handleStream(id, direction));
    return id;
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    this.queue.push(() => this.other.peer.handleData(stream, this.directions.get(stream)!, bytes, fin, at(0)));
  }

  hasRoom(): boolean {
    return !this.isFull;
  }

  reset(stream: StreamId, code: number): void {
    this.queue.push(() => this.other.peer.handleReset(stream, code, at(0)));
  }

  stopSending(stream: StreamId, code: number): void {
    this.queue.push(() => this.other.peer.handleStopped(stream, code, at(0)));
  }

  sendDatagram(bytes: Uint8Array): void {
    this.queue.push(() => this.other.peer.handleDatagram(bytes, at(0)));
  }

  close(code: number, reason: string): void {
    this.isClosed = true;
    this.queue.push(() => this.other.peer.handleClosed(code, reason, at(0)));
  }
}

class World {
  readonly queue: (() => void)[] = [];
  readonly relay = new Relay();

  /** A relay of its own, as publishers and viewers have, connected to the one in the middle. */
  connect(
    draft: Draft,
    wishes: JoinWishes,
    options: Partial<MoqPeerOptions> = {},
  ): { relay: Relay; client: End; server: End } {
    const directions = new Map<StreamId, StreamDirection>();
    const client = new End(directions, this.queue, 0);
    const server = new End(directions, this.queue, 1);
    client.other = server;
    server.other = client;
    const relay = new Relay();
    const common = { draft, label: "test", grant: EVERYTHING, now: () => at(0) };
    client.peer = new MoqPeer({
      ...common,
      relay,
      role: "client",
      carrier: client,
      onStarted: () => client.peer.join(wishes, at(0)),
    });
    server.peer = new MoqPeer({ ...common, relay: this.relay, role: "server", carrier: server, ...options });
    client.peer.start(at(0));
    server.peer.start(at(0));
    this.settle();
    return { relay, client, server };
  }

  settle(): void {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) next();
  }

  publish(relay: Relay): { push(until: number): void; end(): void } {
    const peer = relay.addPeer({ label: "input", grant: EVERYTHING });
    const publisher = new BroadcastPublisher({ peer, namespace: NAMESPACE, date: () => 1_000_000 }, at(0));
    const source = new TestSource({ start: at(0) });
    return {
      push: (until) => {
        for (let bytes = source.pollBytes(at(until)); bytes !== undefined; bytes = source.pollBytes(at(until)))
          publisher.push(bytes, at(until));
        this.settle();
      },
      end: () => {
        publisher.end(at(0));
        this.settle();
      },
    };
  }

  watch(relay: Relay): Watched {
    const watched = new Watched();
    const peer = relay.addPeer({ label: "output", grant: EVERYTHING });
    new BroadcastWatcher(
      {
        peer,
        namespace: NAMESPACE,
        wait: 1_000,
        onBytes: (bytes) => watched.push(bytes),
        onEnd: (end) => watched.ends.push(end),
      },
      at(0),
    );
    this.settle();
    return watched;
  }
}

const NAMESPACE = [utf8("live"), utf8("clock")];

class Watched {
  readonly boxes: string[] = [];
  readonly ends: unknown[] = [];
  readonly #reader = new BmffReader({ onBox: (type) => this.boxes.push(type), onSkip: () => {} });

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  get fragments(): number {
    return this.boxes.filter((type) => type === "moof").length;
  }
}

const DRAFTS = [14, 16, 18, 20] as const;

describe.each(DRAFTS)("a publisher of draft %i", (from) => {
  test.each(DRAFTS)("is watched by a viewer of draft %i, from the newest keyframe on", (to) => {
    const world = new World();
    const { relay } = world.connect(from, { announce: [NAMESPACE] });
    const publisher = world.publish(relay);
    publisher.push(2_500);
    const viewer = world.connect(to, { ask: [NAMESPACE] });
    const watched = world.watch(viewer.relay);
    expect(watched.boxes.slice(0, 2)).toEqual(["ftyp", "moov"]);
    const first = watched.fragments;
    // Half a second of pictures and sound, and not what was before the keyframe.
    expect(first).toBeGreaterThanOrEqual(15);
    // Draft 14 cannot be asked for less than everything.
    if (from > 14) expect(first).toBeLessThan(60);
    publisher.push(4_500);
    expect(watched.fragments - first).toBeGreaterThanOrEqual(60);
    publisher.end();
    expect(watched.ends).toEqual(["track-ended"]);
    expect(world.relay.stats()).toMatchObject({ tracks: [], viewers: [] });
  });
});
