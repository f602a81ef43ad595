/** Publishers and viewers of Warp and of the base draft, whose relays are joined by carriers in memory. */

import { describe, expect, test } from "vitest";
import type { Instant } from "../../../base/time.ts";
import { utf8 } from "../../../wire/text.ts";
import { boxesIn } from "../../bmff/index.ts";
import { BroadcastPublisher, BroadcastWatcher } from "../../broadcast/index.ts";
import { TestSource } from "../../test-source/index.ts";
import { EVERYTHING, type Grant, Relay } from "../index.ts";
import { at } from "../testing/peers.ts";
import { SEGMENT_PROTOCOLS, SegmentPeer, type SegmentPeerOptions, type SegmentProtocol } from "./index.ts";
import { Pipe } from "./testing/pipe.ts";

const NAMESPACE = ["live", "clock"].map(utf8);
const DATE = 1_700_000_000_000;

/** A relay between a publisher's and a viewer's, with a clock for all three. */
class World {
  now: Instant = at(0);
  readonly relay = new Relay({});
  readonly machines: { nextTimeout(): Instant | undefined; handleTimeout(now: Instant): void }[] = [this.relay];
  readonly pipes: Pipe[] = [];
  readonly closed: string[] = [];
  readonly #protocol: SegmentProtocol;

  constructor(protocol: SegmentProtocol) {
    this.#protocol = protocol;
  }

  /** Joins another relay to the one in the middle. */
  join(direction: "send" | "receive", grant: Grant = EVERYTHING): { readonly relay: Relay; readonly pipe: Pipe } {
    const relay = new Relay({});
    const up = new Pipe(2);
    const down = new Pipe(3);
    const make = (options: Partial<SegmentPeerOptions> & Pick<SegmentPeerOptions, "carrier" | "relay" | "role">) =>
      new SegmentPeer({
        protocol: this.#protocol,
        label: "peer",
        grant: EVERYTHING,
        namespace: NAMESPACE,
        now: () => this.now,
        date: () => DATE + this.now / 1_000,
        onClosed: (code, reason) => this.closed.push(`${options.role} ${code} ${reason}`),
        ...options,
      });
    const client = make({ relay, carrier: up, role: "client", direction });
    const server = make({ relay: this.relay, carrier: down, role: "server", grant });
    up.join(client, server);
    down.join(server, client);
    this.machines.push(client, server, relay);
    this.pipes.push(up, down);
    client.start(this.now);
    server.start(this.now);
    return { relay, pipe: direction === "send" ? up : down };
  }

  /** Carries what waits, and passes time. */
  run(milliseconds: number): void {
    const end = this.now + milliseconds * 1_000;
    for (; this.now < end; this.now = (this.now + 10_000) as Instant) this.flush();
    this.flush();
  }

  flush(): void {
    while (this.pipes.some((pipe) => pipe.carry(this.now)));
    for (const machine of this.machines) {
      const next = machine.nextTimeout();
      if (next !== undefined && next <= this.now) machine.handleTimeout(this.now);
    }
  }
}

/** The test source, as far as it is due. */
class Camera {
  readonly publisher: BroadcastPublisher;
  readonly #source: TestSource;
  readonly #world: World;

  constructor(world: World, relay: Relay) {
    this.#world = world;
    const peer = relay.addPeer({ label: "camera", grant: EVERYTHING });
    const date = (): number => DATE + world.now / 1_000;
    this.publisher = new BroadcastPublisher({ peer, namespace: NAMESPACE, date }, world.now);
    this.#source = new TestSource({ start: world.now });
  }

  film(milliseconds: number): void {
    const end = this.#world.now + milliseconds * 1_000;
    while (this.#world.now < end) {
      for (let bytes = this.#source.pollBytes(this.#world.now); bytes !== undefined; ) {
        this.publisher.push(bytes, this.#world.now);
        bytes = this.#source.pollBytes(this.#world.now);
      }
      this.#world.run(20);
    }
  }
}

class Screen {
  readonly media: string[] = [];
  readonly notices: string[] = [];
  tracks: readonly string[] = [];
  ended: string | undefined;

  constructor(world: World, relay: Relay) {
    new BroadcastWatcher(
      {
        peer: relay.addPeer({ label: "screen", grant: EVERYTHING }),
        namespace: NAMESPACE,
        wait: 30_000,
        onBytes: (bytes) => this.media.push(...boxesIn(bytes).map(({ type }) => type)),
        onTracks: (tracks) => {
          this.tracks = tracks.map(({ name }) => name);
        },
        onNotice: (message) => this.notices.push(message),
        onEnd: (end) => {
          this.ended = typeof end === "string" ? end : end.reason;
        },
      },
      world.now,
    );
  }

  get chunks(): number {
    return this.media.filter((type) => type === "mdat").length;
  }
}

describe.each(SEGMENT_PROTOCOLS)("%s", (protocol) => {
  test("a broadcast is pushed through the relay, with all its tracks, and its end is told", () => {
    const world = new World(protocol);
    const screen = new Screen(world, world.join("receive").relay);
    const camera = new Camera(world, world.join("send").relay);
    const late = new Screen(world, world.relay);
    camera.film(2_400);
    camera.publisher.end(world.now);
    world.run(100);
    expect(screen.tracks).toEqual(late.tracks);
    expect([...screen.tracks].sort()).toEqual(["audio2", "video1"]);
    expect(screen.notices).toEqual([]);
    expect(screen.chunks).toBe(camera.publisher.stats.objects);
    expect([screen.ended, late.ended]).toEqual(["track-ended", "track-ended"]);
    expect(world.closed.filter((each) => each.startsWith("client"))).toEqual(["client 0 ", "client 0 "]);
  });

  test("a publisher whose session is lost returns, and viewers go on", () => {
    const world = new World(protocol);
    const screen = new Screen(world, world.relay);
    const first = world.join("send");
    const camera = new Camera(world, first.relay);
    camera.film(1_000);
    first.pipe.cut(world.now);
    const before = screen.chunks;
    world.run(500);
    const second = world.join("send");
    new Camera(world, second.relay).film(1_000);
    expect(screen.ended).toBeUndefined();
    expect(before).toBeGreaterThan(20);
    expect(screen.chunks).toBeGreaterThan(before + 20);
  });

  test("a viewer without room loses old groups and gets the newest", () => {
    const world = new World(protocol);
    const { relay, pipe } = world.join("receive");
    const screen = new Screen(world, relay);
    const camera = new Camera(world, world.join("send").relay);
    camera.film(1_000);
    pipe.isStalled = true;
    camera.film(8_000);
    expect(pipe.waiting).toBeLessThan(100_000);
    pipe.isStalled = false;
    const stalled = screen.chunks;
    camera.film(1_000);
    expect(pipe.resets.length).toBeGreaterThan(2);
    expect(new Set(pipe.resets)).toEqual(new Set([0]));
    expect(screen.chunks).toBeGreaterThan(stalled + 20);
  });

  test("who may not publish is told so; who may not watch gets nothing", () => {
    const world = new World(protocol);
    new Camera(world, world.join("send", { publish: [], subscribe: [[]] }).relay).film(500);
    expect(world.closed).toContain(
      "client 1 cannot publish catalog: the token does not allow this peer to publish here",
    );
    const stranger = new Screen(world, world.join("receive", { publish: [[]], subscribe: [] }).relay);
    new Camera(world, world.join("send").relay).film(500);
    expect(stranger.chunks).toBe(0);
  });
});
