/** MoQ Transport in all drafts: control messages, streams with objects, and datagrams, mutated and cut anywhere. */

import { ProtocolError } from "../../src/base/errors.ts";
import {
  ControlCodec,
  type ControlMessage,
  ControlReader,
  DataReader,
  DRAFTS,
  emitDatagram,
  emitFetchHeader,
  FetchObjects,
  type Filter,
  type KeyValue,
  type Parameters,
  parseDatagram,
  type SetupOptions,
  SubgroupWriter,
} from "../../src/media/moq/index.ts";
import { concat, equalBytes } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const ENOUGH = 400;
/** One message, or the properties of one object, and what was pushed with them. */
const MAX_HELD = 80_000;

class MoqSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #codec: ControlCodec;
  #control: ControlReader;
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#codec = new ControlCodec(this.#chance.pick(DRAFTS));
    this.#control = new ControlReader(this.#codec);
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#guarded(() => {
      switch (chance.below(4)) {
        case 0:
          this.#readStream(chance.oneIn(2) ? this.#subgroup() : this.#fetch());
          break;
        case 1:
          parseDatagram(this.#spoiled(this.#datagram()), this.#codec.dialect);
          break;
        default:
          this.#readControl(this.#spoiled(this.#message()));
      }
    });
    if (this.#steps >= ENOUGH) this.outcome ??= `draft ${this.#codec.draft}`;
  }

  end(): void {}

  /** A violation ends the session; here only what reads. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#control = new ControlReader(this.#codec);
    }
  }

  #spoiled(bytes: Uint8Array): Uint8Array {
    return this.#chance.oneIn(3) ? mutate(bytes, this.#chance) : bytes.slice();
  }

  #readControl(bytes: Uint8Array): void {
    const cut = this.#chance.below(bytes.length + 1);
    for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      this.#control.push(part);
      for (let message = this.#control.poll(); message !== undefined; message = this.#control.poll())
        this.#repeat(message);
    }
  }

  /** What was read can be said again, and says the same. */
  #repeat(message: ControlMessage): void {
    let again: Uint8Array;
    try {
      again = this.#codec.emit(message).slice();
    } catch (error) {
      // Types in wild order, which differences cannot say, or more bytes than a message has.
      if (error instanceof RangeError) return;
      throw error;
    }
    const reader = new ControlReader(this.#codec);
    reader.push(again);
    const second = reader.poll();
    if (second === undefined || !equalBytes(this.#codec.emit(second), again)) {
      throw new VictimFault(`${JSON.stringify(message)} became ${JSON.stringify(second)}`);
    }
  }

  #readStream(stream: Uint8Array): void {
    const chance = this.#chance;
    const reader = new DataReader(this.#codec.dialect, () => chance.pick(["ascending", "descending"]));
    const bytes = this.#spoiled(stream);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + chance.below(40);
      reader.push(bytes.subarray(at, end));
      while (reader.poll() !== undefined);
      if (reader.held > MAX_HELD) throw new VictimFault(`${reader.held} bytes are held`);
      at = end;
    }
    reader.end();
  }

  #subgroup(): Uint8Array {
    const chance = this.#chance;
    const hasProperties = chance.oneIn(2);
    const writer = new SubgroupWriter(
      {
        alias: chance.varint(),
        group: chance.below(1_000),
        subgroup: chance.pick([0, 3, "first-object"]),
        priority: chance.oneIn(2) ? undefined : chance.below(256),
        hasProperties,
        endsGroup: chance.oneIn(2),
        startsSubgroup: chance.oneIn(2),
      },
      this.#codec.dialect,
    );
    const parts = [writer.header];
    for (let object = 0; object < 4; object += 1 + chance.below(3)) {
      const payload = chance.bytes(60);
      const properties = hasProperties && payload.length > 0 ? this.#properties() : [];
      const status = payload.length > 0 ? "normal" : chance.pick(["normal", "end-of-group", "end-of-track"] as const);
      parts.push(writer.object({ object, properties, status, payloadLength: payload.length }), payload);
    }
    return concat(...parts);
  }

  #fetch(): Uint8Array {
    const chance = this.#chance;
    const writer = new FetchObjects(this.#codec.dialect);
    const parts = [emitFetchHeader(chance.below(100), this.#codec.dialect)];
    for (let group = 0; group < 5; group += 1 + chance.below(2)) {
      for (let object = 0; object < 3; object += 1 + chance.below(2)) {
        const payload = chance.bytes(30);
        const properties = chance.oneIn(3) ? this.#properties() : [];
        const subgroup = chance.below(3);
        const common = { group, object, subgroup, priority: chance.below(2), properties, status: "normal" as const };
        parts.push(writer.emit({ ...common, payloadLength: payload.length }), payload);
      }
    }
    return concat(...parts);
  }

  #datagram(): Uint8Array {
    const chance = this.#chance;
    const status = chance.oneIn(4) ? "end-of-group" : "normal";
    return emitDatagram(
      {
        alias: chance.varint(),
        group: chance.below(99),
        object: chance.below(2),
        priority: chance.oneIn(2) ? undefined : 3,
        properties: chance.oneIn(2) ? this.#properties() : [],
        endsGroup: status === "normal" && chance.oneIn(2),
        status,
        payload: chance.bytes(100),
      },
      this.#codec.dialect,
    );
  }

  #properties(): KeyValue[] {
    const chance = this.#chance;
    return [2, 0x0b, 0x10].map((type) => ({ type, value: type % 2 === 0 ? chance.varint() : chance.bytes(20) }));
  }

  #filter(): Filter {
    const chance = this.#chance;
    const start = { group: chance.below(9), object: chance.below(3) };
    return chance.pick<Filter>([
      { type: "all" },
      { type: "next-group" },
      { type: "next-object" },
      { type: "start", start },
      { type: "range", start, endGroup: start.group + chance.below(300) },
    ]);
  }

  #parameters(): Parameters {
    const chance = this.#chance;
    return {
      priority: chance.below(256),
      forward: chance.oneIn(2),
      filter: this.#filter(),
      ...(chance.oneIn(3) ? { tokens: [{ action: "use-value", type: 0, value: chance.bytes(40) }] } : {}),
      ...(chance.oneIn(4) ? { fill: { filter: this.#filter(), fillTimeout: 5 } } : {}),
      ...(chance.oneIn(4)
        ? { rangeFilters: [{ of: "object", set: 1, ranges: [{ start: 3, end: 9 }, { start: 12 }] }] }
        : {}),
      ...(chance.oneIn(3) ? { largest: { group: 7, object: 1 }, groupOrder: "ascending" } : {}),
    };
  }

  #message(): Uint8Array {
    const chance = this.#chance;
    const requestId = chance.below(99);
    const namespace = Array.from({ length: chance.below(4) }, () => chance.exactBytes(1 + chance.below(9)));
    const track = { namespace, name: chance.bytes(9) };
    const parameters = this.#parameters();
    const properties = this.#properties();
    const alias = chance.varint();
    const options: SetupOptions = { path: "/x", implementation: "y", others: [{ type: 0x9d, value: chance.bytes(9) }] };
    const messages: ControlMessage[] = [
      { type: "setup", options },
      { type: "client-setup", versions: [0xff00_000e], options },
      { type: "server-setup", versions: [0xff00_000e], options },
      { type: "goaway", uri: "https://x", timeout: 9 },
      { type: "subscribe", requestId, track, parameters },
      { type: "track-status", requestId, track, parameters },
      { type: "subscribe-ok", requestId, alias, parameters, properties },
      { type: "request-update", requestId, existingRequestId: 2, parameters },
      { type: "request-ok", requestId, of: "track-status", parameters, properties },
      { type: "request-error", requestId, of: "subscribe", code: 0x34, reason: "no", redirect: { uri: "x", track } },
      { type: "publish", requestId, track, alias, parameters, properties },
      { type: "publish-ok", requestId, parameters },
      { type: "publish-done", requestId, status: 2, reason: "done" },
      { type: "fetch", requestId, track, parameters },
      { type: "fetch-ok", requestId, endOfTrack: true, end: { group: 4, object: 1 }, parameters, properties },
      { type: "publish-namespace", requestId, namespace, parameters },
      { type: "subscribe-namespace", requestId, prefix: namespace, interest: 1, parameters },
      { type: "subscribe-tracks", requestId, prefix: namespace, parameters },
      { type: "namespace", suffix: namespace },
      { type: "publish-skipped", suffix: namespace, name: track.name },
      { type: "publish-state-notify", parameters },
      { type: "max-request-id", requestId },
      { type: "publish-namespace-cancel", requestId, namespace, code: 1, reason: "" },
    ];
    return this.#codec.emit(chance.pick(messages.filter(({ type }) => this.#codec.has(type))));
  }
}

export const moq: Target = { name: "moq", start: (seed) => new MoqSession(seed) };
