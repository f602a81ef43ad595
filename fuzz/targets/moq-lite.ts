/** Two sessions of moq-lite-05: what one sends to the other is mutated now and then, and both have applications that do anything. */

import { type LiteEvent, type LiteGroupSender, LiteSession, type MoqCarrier } from "../../src/media/index.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";

const ENOUGH = 300;
const MAX_STREAMS = 300;
const TEXTS = ["", "live", "live/room", "live/room/", "a//b", "video", "\u{1f3a5}", "x".repeat(300)] as const;

const isUni = (stream: number): boolean => (stream & 2) !== 0;

/** Hands what a side sends to the other one. */
class Wire implements MoqCarrier {
  peer!: Side;
  isClosed = false;
  code = 0;
  readonly #chance: Chance;
  /** One spoiled byte in so many writes; 0 for none. */
  readonly #spoils: number;
  readonly #side: 0 | 1;
  #streams = 0;
  readonly calls: (() => void)[] = [];

  constructor(chance: Chance, side: 0 | 1, spoils: number) {
    this.#chance = chance;
    this.#side = side;
    this.#spoils = spoils;
  }

  openStream(direction: "uni" | "bidi"): number | undefined {
    if (this.#streams >= MAX_STREAMS) return undefined;
    const id = 4 * this.#streams + (direction === "uni" ? 2 : 0) + this.#side;
    this.#streams += 1;
    this.calls.push(() => this.peer.session.handleStream(id, direction));
    return id;
  }

  write(stream: number, bytes: Uint8Array, fin: boolean): void {
    const chance = this.#chance;
    const sent = this.#spoils > 0 && chance.oneIn(this.#spoils) ? mutate(bytes, chance) : bytes.slice();
    const cut = chance.below(sent.length + 1);
    const direction = isUni(stream) ? "uni" : "bidi";
    this.calls.push(
      () => this.peer.session.handleData(stream, direction, sent.subarray(0, cut), false),
      () => this.peer.session.handleData(stream, direction, sent.subarray(cut), fin),
    );
  }

  setOrder(): void {}

  reset(stream: number, code: number): void {
    this.calls.push(() => this.peer.session.handleReset(stream, code));
  }

  stopSending(stream: number, code: number): void {
    this.calls.push(() => this.peer.session.handleStopped(stream, code));
  }

  sendDatagram(bytes: Uint8Array): void {
    const sent = this.#chance.oneIn(4) ? mutate(bytes, this.#chance) : bytes.slice();
    this.calls.push(() => this.peer.session.handleDatagram(sent));
  }

  close(code: number): void {
    this.isClosed = true;
    this.code = code;
    this.calls.push(() => this.peer.session.handleClosed(code, ""));
  }
}

/** A session and its application. */
class Side {
  readonly session: LiteSession;
  readonly wire: Wire;
  readonly #chance: Chance;
  readonly #ours: number[] = [];
  readonly #theirs: number[] = [];
  readonly #groups: LiteGroupSender[] = [];

  constructor(chance: Chance, wire: Wire) {
    this.#chance = chance;
    this.wire = wire;
    this.session = new LiteSession({ carrier: wire, maxRequests: 50 });
  }

  listen(): void {
    for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) this.#hear(event);
  }

  #hear(event: LiteEvent): void {
    const { session } = this;
    const chance = this.#chance;
    switch (event.type) {
      case "announce-request":
        session.acceptAnnounce(event.stream, chance.below(9), 1);
        session.announce(event.stream, { isActive: chance.oneIn(2), suffix: chance.pick(TEXTS), hops: [1, 2] });
        break;
      case "track":
        session.sendTrackInfo(event.stream, { priority: 3, isOrdered: true, maxLatency: 100, timescale: 1_000 });
        break;
      case "subscribe":
        this.#theirs.push(event.stream);
        if (chance.oneIn(5)) session.cancel(event.stream);
        else session.answer(event.stream, { type: "start", group: chance.below(20) });
        break;
      case "stopped":
        for (const group of this.#groups) if (group.stream === event.stream) group.reset(event.code);
        break;
      default:
        break;
    }
  }

  act(): void {
    const { session } = this;
    const chance = this.#chance;
    const stream = chance.pick([...this.#ours, ...this.#theirs, 0]);
    switch (chance.below(9)) {
      case 0:
        this.#note(session.requestAnnouncements(chance.pick(TEXTS), chance.below(5)));
        break;
      case 1:
        this.#note(session.requestTrack(chance.pick(TEXTS), chance.pick(TEXTS)));
        break;
      case 2:
        this.#note(session.subscribe(chance.pick(TEXTS), chance.pick(TEXTS), this.#delivery()));
        break;
      case 3:
        session.update(stream, this.#delivery());
        break;
      case 4:
        if (chance.oneIn(3)) session.cancel(stream, chance.below(10));
        break;
      case 5:
        session.answer(stream, { type: "drop", start: 1, end: chance.below(9), code: 0 }, chance.oneIn(9));
        break;
      case 6:
        session.sendDatagram(stream, {
          group: chance.below(9),
          timestamp: chance.below(99),
          payload: chance.bytes(90),
        });
        break;
      case 7:
        if (chance.oneIn(60)) session.goaway("https://x.example/");
        break;
      default:
        this.#sendGroup(stream);
    }
  }

  #delivery() {
    const chance = this.#chance;
    const startGroup = chance.oneIn(2) ? chance.below(9) : undefined;
    return { priority: chance.below(256), isOrdered: chance.oneIn(2), maxLatency: chance.below(999), startGroup };
  }

  #sendGroup(stream: number): void {
    const chance = this.#chance;
    const group = this.session.openGroup(stream, chance.below(1_000));
    if (group === undefined) return;
    for (let frames = chance.below(4); frames > 0; frames -= 1) {
      const payload = chance.bytes(60);
      group.frame(chance.below(9_000), payload.length);
      group.payload(payload);
    }
    if (chance.oneIn(3)) group.reset(chance.below(9));
    else if (chance.oneIn(2)) group.end();
    else if (this.#groups.length < 20) this.#groups.push(group);
  }

  #note(stream: number | undefined): void {
    if (stream !== undefined && this.#ours.length < 40) this.#ours.push(stream);
  }
}

class LiteVictim implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #sides: readonly [Side, Side];
  #steps = 0;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    const speaker = new Side(chance, new Wire(chance, 0, chance.oneIn(5) ? 0 : 12));
    const victim = new Side(chance, new Wire(chance, 1, 0));
    speaker.wire.peer = victim;
    victim.wire.peer = speaker;
    this.#sides = [speaker, victim];
    for (const { session } of this.#sides) session.start();
  }

  step(): void {
    this.#steps += 1;
    this.#chance.pick(this.#sides).act();
    for (const side of this.#sides) {
      for (const call of side.wire.calls.splice(0)) call();
      side.wire.peer.listen();
    }
    const [, { wire, session }] = this.#sides;
    if (wire.isClosed) this.outcome = `closed with ${wire.code}`;
    else if (session.isClosed) this.outcome = "the speaker closed";
    else if (this.#steps >= ENOUGH) this.outcome = "enough";
  }

  end(): void {
    for (const { session } of this.#sides) session.close();
  }
}

export const lite: Target = { name: "moq-lite", start: (seed) => new LiteVictim(seed) };
