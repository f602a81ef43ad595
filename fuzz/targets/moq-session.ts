/**
 * Sessions of MoQ Transport in all drafts and both roles: a peer that knows request ids and aliases sends messages, streams, resets and
 * datagrams, some of them mutated, and an application that answers everything.
 */

import { after, type Instant, instant, millis } from "../../src/base/time.ts";
import {
  ControlCodec,
  type ControlMessage,
  DRAFTS,
  draftHas,
  joinTrack,
  type MoqCarrier,
  type MoqEvent,
  MoqSession,
  type StreamDirection,
  type SubgroupSender,
} from "../../src/media/moq/index.ts";
import { Chance } from "../chance.ts";
import { MoqWords } from "../moq-words.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const ENOUGH = 300;
const MAX_REQUESTS = 50;
/** Of streams that wait for their alias, and one object each of those that do not. */
const MAX_HELD = 400_000;

/** Takes what is written, and counts streams. */
class Sink implements MoqCarrier {
  isClosed = false;
  code = 0;
  streams = 0;
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  openStream(): number | undefined {
    if (this.streams >= 200) return undefined;
    this.streams += 1;
    return this.#first + 2 * this.streams;
  }

  write(): void {}
  setOrder(): void {}
  reset(): void {}
  stopSending(): void {}
  sendDatagram(): void {}

  close(code: number): void {
    this.isClosed = true;
    this.code = code;
  }
}

const ASKING = [
  "subscribe",
  "fetch",
  "publish",
  "publish-namespace",
  "subscribe-namespace",
  "subscribe-tracks",
  "track-status",
];
const ANSWERING = [
  "subscribe-ok",
  "request-ok",
  "request-error",
  "fetch-ok",
  "publish-ok",
  "publish-done",
  "namespace",
];
const isAsking = ({ type }: ControlMessage): boolean => ASKING.includes(type) || type === "request-update";
const isAnswering = ({ type }: ControlMessage): boolean => ANSWERING.includes(type);

class MoqSessionVictim implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #codec: ControlCodec;
  readonly #words: MoqWords;
  readonly #carrier: Sink;
  readonly #session: MoqSession;
  readonly #isClient: boolean;
  readonly #isShared: boolean;
  /** Streams of the peer that are open. */
  readonly #open: { readonly id: number; readonly direction: StreamDirection }[] = [];
  readonly #senders: SubgroupSender[] = [];
  readonly #ours: number[] = [];
  readonly #theirs: number[] = [];
  #control: { id: number; direction: StreamDirection };
  #nextStream = 1_001;
  #nextId: number;
  #now: Instant = instant(0);
  #steps = 0;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#codec = new ControlCodec(chance.pick(DRAFTS));
    this.#words = new MoqWords(chance, this.#codec);
    this.#isClient = chance.oneIn(2);
    this.#carrier = new Sink(0);
    this.#isShared = draftHas(this.#codec.draft, "hasSharedControlStream");
    this.#nextId = this.#isClient ? 1 : 0;
    this.#session = new MoqSession({
      draft: this.#codec.draft,
      role: this.#isClient ? "client" : "server",
      carrier: this.#carrier,
      maxRequests: MAX_REQUESTS,
      setup: { maxTokenCache: 200 },
    });
    this.#session.start();
    this.#control =
      this.#isShared && this.#isClient
        ? { id: 2, direction: "bidi" }
        : this.#newStream(this.#isShared ? "bidi" : "uni");
    if (!chance.oneIn(20)) this.#say(this.#control, this.#setup(), false);
    this.#listen();
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#now = after(this.#now, millis(chance.below(60)));
    switch (chance.below(10)) {
      case 0:
        this.#speak();
        break;
      case 1:
      case 2:
        this.#sendObjects();
        break;
      case 3:
        this.#session.handleDatagram(this.#spoiled(this.#words.datagram(chance.below(9))));
        break;
      case 4:
        this.#disturb();
        break;
      default:
        this.#sendMessage();
    }
    const deadline = this.#session.nextTimeout();
    if (deadline !== undefined && deadline <= this.#now) {
      this.#session.handleTimeout(this.#now);
      const next = this.#session.nextTimeout();
      if (next !== undefined && next <= this.#now) throw new VictimFault("a deadline in the past");
    }
    this.#listen();
    if (this.#session.held > MAX_HELD) throw new VictimFault(`${this.#session.held} bytes are held`);
    if (this.#carrier.isClosed) this.outcome ??= `draft ${this.#codec.draft} closed with ${this.#carrier.code}`;
    else if (this.#steps >= ENOUGH) this.outcome ??= `draft ${this.#codec.draft}`;
  }

  end(): void {
    this.#session.close();
    if (this.#session.openRequests > 0) throw new VictimFault(`${this.#session.openRequests} requests are left`);
  }

  #setup(): ControlMessage {
    const options = { maxRequestId: 40, maxTokenCache: 100 };
    if (!this.#isShared) return { type: "setup", options: { maxTokenCache: 100 } };
    return {
      type: this.#isClient ? "server-setup" : "client-setup",
      versions: [0xff00_0000 + this.#codec.draft],
      options,
    };
  }

  #newStream(direction: StreamDirection): { id: number; direction: StreamDirection } {
    const stream = { id: this.#nextStream, direction };
    this.#nextStream += 2;
    this.#session.handleStream(stream.id, direction);
    return stream;
  }

  #spoiled(bytes: Uint8Array): Uint8Array {
    return this.#chance.oneIn(12) ? mutate(bytes, this.#chance) : bytes.slice();
  }

  #send({ id, direction }: { id: number; direction: StreamDirection }, bytes: Uint8Array, fin: boolean): void {
    const cut = this.#chance.below(bytes.length + 1);
    this.#session.handleData(id, direction, bytes.subarray(0, cut), false, this.#now);
    this.#session.handleData(id, direction, bytes.subarray(cut), fin, this.#now);
  }

  #say(stream: { id: number; direction: StreamDirection }, message: ControlMessage, fin: boolean): void {
    let bytes: Uint8Array;
    try {
      bytes = this.#codec.emit(message).slice();
    } catch (error) {
      if (error instanceof RangeError) return;
      throw error;
    }
    this.#send(stream, this.#spoiled(bytes), fin);
  }

  /** Some message: a request with the next id, an answer, or one out of place. */
  #sendMessage(): void {
    const chance = this.#chance;
    const isRequest = chance.oneIn(2);
    const known = chance.oneIn(2) ? this.#ours : this.#theirs;
    const id = isRequest ? this.#nextId : known.length > 0 ? chance.pick(known) : chance.below(20);
    const message = this.#fitting(isRequest, id);
    if (isRequest && isAsking(message)) this.#nextId += 2;
    const isOnOwnStream = !this.#isShared || (this.#codec.draft === 16 && message.type === "subscribe-namespace");
    if (!isOnOwnStream || message.type === "goaway") {
      this.#say(this.#control, message, chance.oneIn(500));
      return;
    }
    const isAnswer = isAnswering(message);
    const stream =
      isAnswer && this.#carrier.streams > 0
        ? { id: 2 + 2 * chance.below(this.#carrier.streams), direction: "bidi" as const }
        : this.#open.length > 0 && !isRequest
          ? chance.pick(this.#open)
          : this.#newStream("bidi");
    if (stream.direction === "bidi" && stream.id > 1_000 && this.#open.length < 40) this.#open.push(stream);
    this.#say(stream, message, chance.oneIn(6));
  }

  /** Mostly one that may come there. */
  #fitting(isRequest: boolean, id: number): ControlMessage {
    for (let tries = 0; tries < 12; tries += 1) {
      const message = this.#words.message(id);
      if (this.#chance.oneIn(100)) return message;
      if (isRequest ? isAsking(message) : isAnswering(message)) return message;
    }
    return this.#words.message(id);
  }

  #sendObjects(): void {
    const chance = this.#chance;
    const isFetch = chance.oneIn(3) && this.#ours.length > 0;
    const bytes = isFetch ? this.#words.fetch(chance.pick(this.#ours)) : this.#words.subgroup(chance.below(9));
    const stream = this.#newStream("uni");
    this.#send(stream, this.#spoiled(bytes), chance.oneIn(2));
    if (chance.oneIn(3)) this.#session.handleReset(stream.id, chance.below(20));
  }

  #disturb(): void {
    const chance = this.#chance;
    const stream = chance.oneIn(2) && this.#open.length > 0 ? chance.pick(this.#open).id : 4 + 2 * chance.below(40);
    if (chance.oneIn(2)) this.#session.handleReset(stream, chance.below(20));
    else this.#session.handleStopped(stream, chance.below(20));
  }

  /** What the application does of its own accord. */
  #speak(): void {
    const chance = this.#chance;
    const session = this.#session;
    const track = { namespace: [chance.exactBytes(3)], name: chance.bytes(4) };
    const parameters = this.#words.parameters();
    switch (chance.below(8)) {
      case 0:
        this.#note(session.request({ type: "subscribe", track, parameters }));
        break;
      case 1:
        this.#note(session.request({ type: "publish", track, alias: chance.below(1_000), parameters: {} }));
        break;
      case 2:
        this.#note(session.request({ type: "subscribe-namespace", prefix: track.namespace, parameters: {} }));
        break;
      case 3:
        this.#note(joinTrack(session, track, 1 + chance.below(3))?.subscription);
        break;
      case 4:
        this.#note(session.request({ type: "publish-namespace", namespace: track.namespace, parameters: {} }));
        break;
      case 5:
        if (this.#ours.length > 0) session.update(chance.pick(this.#ours), { priority: chance.below(256) });
        break;
      case 6:
        session.cancel(chance.pick([...this.#ours, ...this.#theirs, 0]), chance.below(10));
        break;
      default:
        if (chance.oneIn(40)) session.goaway("", 1_000, this.#now);
        for (const sender of this.#senders.splice(0)) {
          if (chance.oneIn(2)) sender.reset(chance.below(10));
          else sender.end(this.#now);
        }
    }
  }

  #note(id: number | undefined): void {
    if (id !== undefined && this.#ours.length < 40) this.#ours.push(id);
  }

  #listen(): void {
    for (let event = this.#session.pollEvent(); event !== undefined; event = this.#session.pollEvent())
      this.#hear(event);
  }

  #hear(event: MoqEvent): void {
    if (event.type === "request") this.#answer(event.message.requestId, event.message.type);
    else if (event.type === "object" && event.object.payloadLength < 0) throw new VictimFault("a negative length");
  }

  #answer(id: number, type: string): void {
    const chance = this.#chance;
    const session = this.#session;
    if (this.#theirs.length < 40) this.#theirs.push(id);
    if (chance.oneIn(5)) {
      session.send(id, { type: "request-error", code: chance.below(60), reason: "no" });
      return;
    }
    switch (type) {
      case "subscribe": {
        session.send(id, { type: "subscribe-ok", alias: id, parameters: { largest: { group: 4, object: 1 } } });
        session.planFill(id);
        session.selection(id)?.includes({ group: 5, object: 0, subgroup: 0, priority: 0, properties: [] });
        const sender = session.openSubgroup(id, {
          group: 5,
          subgroup: 0,
          priority: 1,
          hasProperties: false,
          endsGroup: true,
          startsSubgroup: true,
        });
        if (sender === undefined) break;
        sender.object({ object: 0, properties: [], status: "normal", payloadLength: 3 }, this.#now);
        if (this.#senders.length < 20) this.#senders.push(sender);
        break;
      }
      case "fetch":
        session.planFetch(id, { group: 9, object: 9 });
        session.openFetch(id)?.end();
        session.send(id, { type: "fetch-ok", endOfTrack: false, end: { group: 9, object: 1 }, parameters: {} }, true);
        break;
      default:
        session.send(id, { type: "request-ok", parameters: {} });
        if (type === "subscribe-namespace") session.send(id, { type: "namespace", suffix: [chance.exactBytes(2)] });
    }
  }
}

export const moqSession: Target = { name: "moq-session", start: (seed) => new MoqSessionVictim(seed) };
