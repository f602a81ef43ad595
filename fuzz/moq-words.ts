/** Messages, streams and datagrams of MoQ Transport as a peer may send them, for the targets. */

import {
  type ControlCodec,
  type ControlMessage,
  emitDatagram,
  emitFetchHeader,
  FetchObjects,
  type Filter,
  type KeyValue,
  type Parameters,
  type SetupOptions,
  SubgroupWriter,
} from "../src/media/moq/index.ts";
import { concat } from "../src/wire/text.ts";
import type { VarInt } from "../src/wire/varint.ts";
import type { Chance } from "./chance.ts";

/** Everything a draft can say. */
export class MoqWords {
  readonly #chance: Chance;
  readonly #codec: ControlCodec;

  constructor(chance: Chance, codec: ControlCodec) {
    this.#chance = chance;
    this.#codec = codec;
  }

  /** A stream of a subgroup. */
  subgroup(alias: VarInt = this.#chance.varint()): Uint8Array {
    const chance = this.#chance;
    const hasProperties = chance.oneIn(2);
    const writer = new SubgroupWriter(
      {
        alias,
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
      const properties = hasProperties && payload.length > 0 ? this.properties() : [];
      const status = payload.length > 0 ? "normal" : chance.pick(["normal", "end-of-group", "end-of-track"] as const);
      parts.push(writer.object({ object, properties, status, payloadLength: payload.length }), payload);
    }
    return concat(...parts);
  }

  /** A stream of a fetch. */
  fetch(requestId = this.#chance.below(100)): Uint8Array {
    const chance = this.#chance;
    const writer = new FetchObjects(this.#codec.dialect);
    const parts = [emitFetchHeader(requestId, this.#codec.dialect)];
    for (let group = 0; group < 5; group += 1 + chance.below(2)) {
      for (let object = 0; object < 3; object += 1 + chance.below(2)) {
        const payload = chance.bytes(30);
        const properties = chance.oneIn(3) ? this.properties() : [];
        const subgroup = chance.below(3);
        const common = { group, object, subgroup, priority: chance.below(2), properties, status: "normal" as const };
        parts.push(writer.emit({ ...common, payloadLength: payload.length }), payload);
      }
    }
    return concat(...parts);
  }

  /** An object in a datagram. */
  datagram(alias: VarInt = this.#chance.varint()): Uint8Array {
    const chance = this.#chance;
    const status = chance.oneIn(4) ? "end-of-group" : "normal";
    return emitDatagram(
      {
        alias,
        group: chance.below(99),
        object: chance.below(2),
        priority: chance.oneIn(2) ? undefined : 3,
        properties: chance.oneIn(2) ? this.properties() : [],
        endsGroup: status === "normal" && chance.oneIn(2),
        status,
        payload: chance.bytes(100),
      },
      this.#codec.dialect,
    );
  }

  properties(): KeyValue[] {
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

  parameters(): Parameters {
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

  /** Any message that the draft has. `requestId` is what it says, or what it answers. */
  message(requestId = this.#chance.below(99)): ControlMessage {
    const chance = this.#chance;
    const namespace = Array.from({ length: chance.below(4) }, () => chance.exactBytes(1 + chance.below(9)));
    const track = { namespace, name: chance.bytes(9) };
    const parameters = this.parameters();
    const properties = this.properties();
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
    return chance.pick(messages.filter(({ type }) => this.#codec.has(type)));
  }
}
