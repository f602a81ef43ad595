import { describe, expect, test } from "vitest";
import { PlayoutClock, type PlayoutOptions } from "./playout-clock.ts";

/** Media of 20 ms in each piece, which arrives when it was made, and later if told so. */
class Scene {
  readonly clock: PlayoutClock;
  now = 1_000;
  media = 100;

  constructor(options?: PlayoutOptions) {
    this.clock = new PlayoutClock(options);
  }

  /** Time passes without media. */
  silence(milliseconds: number): this {
    for (let i = 0; i < milliseconds; i += 10) {
      this.now += 10;
      this.clock.advance(this.now);
    }
    return this;
  }

  /** Time passes, and media comes in time. */
  run(milliseconds: number): this {
    for (let i = 0; i < milliseconds; i += 20) {
      this.silence(20);
      this.piece();
    }
    return this;
  }

  piece(late = 0): void {
    this.clock.handleMedia(this.media, this.media + 0.02, late, this.now);
    this.media += 0.02;
  }

  get stats() {
    return this.clock.stats(this.now);
  }

  get behind(): number {
    return Math.round((this.media - this.clock.position(this.now)!) * 1_000);
  }
}

describe("a playout clock", () => {
  test("has no position before the first media, and waits for its target", () => {
    const scene = new Scene({ minLatency: 100 });
    expect(scene.clock.position(scene.now)).toBeUndefined();
    scene.run(80);
    expect([scene.clock.state, scene.clock.rate, scene.clock.position(scene.now)]).toEqual(["waiting", 0, 100]);
    scene.run(40);
    expect([scene.clock.state, scene.clock.rate]).toEqual(["playing", 1]);
  });

  test("stays behind the live edge by its target", () => {
    const scene = new Scene({ minLatency: 100 }).run(20_000);
    expect(scene.behind).toBeGreaterThanOrEqual(80);
    expect(scene.behind).toBeLessThanOrEqual(200);
    expect(scene.stats).toMatchObject({ stalls: 0, stalled: 0, jumped: 0 });
  });

  test("joins at the live edge, not at the beginning of the group that came at once", () => {
    const scene = new Scene({ minLatency: 100 });
    for (let i = 0; i < 45; i += 1) scene.piece();
    scene.run(40);
    expect(scene.behind).toBeLessThanOrEqual(180);
    expect(scene.stats.jumped).toBe(0);
  });

  test("waits when nothing is left, counts it, and wants more afterwards", () => {
    const scene = new Scene({ minLatency: 100 }).run(2_000).silence(600);
    expect(scene.stats).toMatchObject({ state: "waiting", stalls: 1, rate: 0 });
    expect(scene.stats.stalled).toBeGreaterThan(400);
    scene.run(400);
    expect(scene.stats.state).toBe("playing");
    expect(scene.stats.target).toBeGreaterThan(140);
  });

  test("wants more when a renderer had nothing, and goes slower until it has that", () => {
    const scene = new Scene({ minLatency: 60 }).run(2_000);
    const { target } = scene.stats;
    for (let i = 0; i < 10; i += 1) scene.clock.handleMissing(scene.now);
    expect(scene.stats.target).toBeCloseTo(target + 60);
    const rates = new Set<number>();
    for (let i = 0; i < 3; i += 1) {
      scene.run(600);
      rates.add(scene.stats.rate);
      scene.clock.handleMissing(scene.now);
    }
    expect(Math.min(...rates)).toBeLessThan(1);
    scene.run(5_000);
    expect(scene.behind).toBeGreaterThan(100);
    expect(scene.stats).toMatchObject({ rate: 1, stalls: 0 });
  });

  test("goes faster until it has caught up", () => {
    const scene = new Scene({ minLatency: 60 }).run(3_000);
    // Half a second more than is wanted, in one burst.
    for (let i = 0; i < 25; i += 1) scene.piece();
    scene.run(100);
    expect(scene.stats.rate).toBeGreaterThan(1);
    scene.run(15_000);
    expect(scene.stats.rate).toBe(1);
    expect(scene.behind).toBeLessThan(180);
  });

  test("jumps over what would take half a minute to catch up with", () => {
    const scene = new Scene().run(3_000);
    for (let i = 0; i < 200; i += 1) scene.piece();
    scene.run(40);
    expect(scene.stats.jumped).toBeGreaterThan(3);
    expect(scene.behind).toBeLessThan(300);
  });

  test("covers arrivals that are uneven", () => {
    const scene = new Scene();
    for (let i = 0; i < 500; i += 1) {
      scene.silence(20);
      scene.piece(i % 10 === 0 ? 200 : 0);
    }
    expect(scene.stats.target).toBeGreaterThan(190);
    expect(scene.stats.target).toBeLessThan(300);
    // Ten quiet seconds later, it gives that back slowly.
    const before = scene.stats.target;
    scene.run(30_000);
    expect(scene.stats.target).toBeLessThan(0.6 * before);
  });

  test("stops while paused, and goes on live", () => {
    const scene = new Scene().run(2_000);
    scene.clock.pause(scene.now);
    const position = scene.clock.position(scene.now);
    scene.run(2_000);
    expect(scene.clock.position(scene.now)).toBe(position);
    scene.clock.resume(scene.now);
    scene.clock.skipToLive(scene.now);
    expect(scene.behind).toBeLessThan(120);
  });

  test("follows a timeline that begins again", () => {
    const scene = new Scene().run(2_000);
    scene.media = 0;
    scene.run(500);
    expect(scene.clock.position(scene.now)).toBeLessThan(1);
    expect(scene.stats.state).toBe("playing");
  });

  test("a clock of the page that is set back changes nothing", () => {
    const scene = new Scene().run(2_000);
    const position = scene.clock.position(scene.now)!;
    expect(scene.clock.position(scene.now - 5_000)).toBe(position);
  });
});
