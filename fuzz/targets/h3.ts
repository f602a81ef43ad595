/** HTTP/3 and QPACK over a real connection: streams and frames of every type, split and reset anywhere. */

import { H3Connection, type H3Event } from "../../src/h3/index.ts";
import { type Connection, type ConnectionEvent, isTransportEvent } from "../../src/quic/index.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { concat, utf8 } from "../../src/wire/text.ts";
import type { VarInt } from "../../src/wire/varint.ts";
import { Writer } from "../../src/wire/writer.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { decoderInstruction, encoderInstruction, fieldSection, honestSection, type TableModel } from "../qpack.ts";
import type { Session, Target } from "../session.ts";
import { Victim } from "../victim.ts";

const REQUEST = { method: "GET", scheme: "https", authority: "test", path: "/", fields: [] } as const;
const CONTROL = 0;
const ENCODER = 2;
const DECODER = 3;
const MAX_DATA = 900;
/** Enough for the requests made here. */
const LARGE_ENOUGH = 1_000;

interface Outgoing {
  readonly id: number;
  /** The type of a unidirectional stream. */
  readonly kind: number | undefined;
  offset: number;
  /** True if the head of the message was sent. */
  hasHead: boolean;
}

class H3Session implements Session {
  readonly #chance: Chance;
  readonly #victim: Victim;
  readonly #isServer: boolean;
  /** The percentage of pieces that are QPACK's own. */
  readonly #qpackShare: number;
  readonly #streams: Outgoing[] = [];
  readonly #table: TableModel = { inserted: 0 };
  #h3: H3Connection | undefined;
  #nextUni: number;
  #nextRequest = 0;

  constructor(seed: number, qpackShare: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#qpackShare = qpackShare;
    this.#isServer = chance.oneIn(2);
    this.#nextUni = this.#isServer ? 3 : 2;
    const role = this.#isServer ? "server" : "client";
    this.#victim = new Victim(chance, { role, alpn: "h3" });
    this.#victim.onEvent = (connection, event) => this.#handleEvent(connection, event);
    this.#victim.peer.handshake();
    if (this.#isServer) this.#victim.peer.send(EncryptionLevel.oneRtt, [{ type: "handshake-done" }]);
    for (const kind of [CONTROL, ENCODER, DECODER]) if (!chance.oneIn(50)) this.#openUni(kind);
  }

  get outcome(): string | undefined {
    return this.#victim.outcome;
  }

  // The victim's application

  #handleEvent(connection: Connection, event: ConnectionEvent): void {
    if (!isTransportEvent(event)) return;
    this.#h3 ??= new H3Connection(connection, { rng: this.#chance.rng });
    this.#h3.handleTransportEvent(event);
    this.#drain(this.#h3);
    if (event.type === "connected" && connection.role === "client") {
      for (let i = 0; i < 4; i += 1) this.#request(this.#h3);
    }
  }

  #drain(h3: H3Connection): void {
    for (let event = h3.pollEvent(); event !== undefined; event = h3.pollEvent()) this.#handleH3(h3, event);
  }

  #handleH3(h3: H3Connection, event: H3Event): void {
    switch (event.type) {
      case "request":
        h3.respond(event.id, 200, [["x-answer", "yes"]], false);
        h3.writeData(event.id, new Uint8Array(100), true);
        break;
      case "data":
        while (h3.readData(event.id) !== undefined);
        break;
      case "reset":
      case "stopped":
        h3.cancel(event.id);
        if (h3.role === "client") this.#request(h3);
        break;
      case "finished":
        if (h3.role === "client") this.#request(h3);
        break;
    }
  }

  #request(h3: H3Connection): void {
    // Sends no request if the peer's SETTINGS allow no fields.
    if (h3.peerSettings.maxFieldSectionSize < LARGE_ENOUGH) return;
    h3.request({ ...REQUEST, path: `/${this.#chance.below(1_000)}`, fields: [["x-some", "thing"]] }, true);
  }

  // The hostile side

  #openUni(kind: number): void {
    const id = this.#nextUni;
    // A higher ID would be a QUIC error, not an HTTP/3 error.
    if (id >= 4 * 16) return;
    this.#nextUni += 4;
    this.#streams.push({ id, kind, offset: 0, hasHead: false });
    this.#send(this.#streams.at(-1)!, concat(varint(kind), kind === CONTROL ? settings(this.#chance) : NOTHING), false);
  }

  #stream(): Outgoing {
    const chance = this.#chance;
    const messages = this.#streams.filter(({ kind }) => kind === undefined);
    if (messages.length === 0 || chance.oneIn(3)) {
      if (chance.oneIn(60)) this.#openUni(chance.oneIn(8) ? chance.below(64) : chance.pick([0x21, 0x40]));
      // A hostile server answers requests that the victim may not have made.
      const id = this.#isServer ? 4 * chance.below(4) : this.#nextRequest;
      if (!this.#isServer) this.#nextRequest += 4;
      const known = this.#streams.find((stream) => stream.id === id);
      if (known !== undefined) return known;
      this.#streams.push({ id, kind: undefined, offset: 0, hasHead: false });
      return this.#streams.at(-1)!;
    }
    return chance.oneIn(10) ? chance.pick(this.#streams) : chance.pick(messages);
  }

  #content(stream: Outgoing): Uint8Array {
    const chance = this.#chance;
    switch (stream.kind) {
      case CONTROL:
        return controlFrame(chance);
      case ENCODER:
        return encoderInstruction(chance, this.#table);
      case DECODER:
        return decoderInstruction(chance);
      case undefined:
        return this.#messagePart(stream);
      default:
        return chance.bytes(100);
    }
  }

  #messagePart(stream: Outgoing): Uint8Array {
    const chance = this.#chance;
    if (chance.oneIn(20)) return frame(chance.oneIn(6) ? chance.varint() : 0x21, chance.bytes(60));
    if (chance.oneIn(400)) return frame(0x05, chance.bytes(60));
    // RFC 9114 §4.1: DATA before HEADERS ends the connection.
    if (stream.hasHead && !chance.oneIn(8)) return frame(0x00, new Uint8Array(chance.below(MAX_DATA)));
    if (chance.oneIn(200)) return frame(0x00, NOTHING);
    stream.hasHead = true;
    const isAny = chance.below(100) < this.#qpackShare;
    return frame(0x01, isAny ? fieldSection(chance, this.#table) : honestSection(!this.#isServer));
  }

  end(): void {
    this.#victim.end();
  }

  step(): void {
    const chance = this.#chance;
    const { peer } = this.#victim;
    const qpack = this.#streams.filter(({ kind }) => kind === ENCODER || kind === DECODER);
    const isQpack = qpack.length > 0 && chance.below(200) < this.#qpackShare;
    const stream = isQpack ? chance.pick(qpack) : this.#stream();
    if (chance.oneIn(20)) {
      const isReset = chance.oneIn(2) && stream.kind === undefined;
      if (isReset)
        peer.send(EncryptionLevel.oneRtt, [{ type: "reset-stream", id: stream.id, code: 0, finalSize: stream.offset }]);
      else if (stream.id % 4 < 2)
        peer.send(EncryptionLevel.oneRtt, [{ type: "stop-sending", id: stream.id, code: 0x10c }]);
    } else {
      let bytes = this.#content(stream);
      if (chance.oneIn(200)) bytes = mutate(bytes, chance);
      this.#send(stream, bytes, stream.kind === undefined && chance.oneIn(4));
    }
    this.#victim.settle();
  }

  /** Sends the bytes in one packet, or in several that are split anywhere. */
  #send(stream: Outgoing, bytes: Uint8Array, fin: boolean): void {
    const { peer } = this.#victim;
    let at = 0;
    do {
      const end = this.#chance.oneIn(4) ? at + this.#chance.below(bytes.length - at + 1) : bytes.length;
      const data = bytes.subarray(at, end);
      peer.send(EncryptionLevel.oneRtt, [
        { type: "stream", id: stream.id, offset: stream.offset, data, fin: fin && end === bytes.length },
      ]);
      stream.offset += data.length;
      at = end;
    } while (at < bytes.length);
    if (fin) this.#streams.splice(this.#streams.indexOf(stream), 1);
  }
}

function varint(value: VarInt): Uint8Array {
  const writer = new Writer(new Uint8Array(8));
  writer.varint(value);
  return writer.written();
}

const frame = (type: VarInt, payload: Uint8Array): Uint8Array => concat(varint(type), varint(payload.length), payload);

function settings(chance: Chance): Uint8Array {
  const pairs = [varint(1), varint(4_096), varint(7), varint(16)];
  for (let more = chance.oneIn(60) ? chance.below(6) : 0; more > 0; more -= 1) {
    pairs.push(varint(chance.varint()), varint(chance.varint()));
  }
  return frame(0x04, concat(...pairs));
}

/** What a Priority field is made of. */
const PRIORITY = ["u=", "i", "?0", "?1", "0", "3", "7", "8", "-1", ".5", ", ", ",", ";x", "(", ")", '"', "a=1", " "];

/** PRIORITY_UPDATE (RFC 9218 §7.2): mostly of requests that exist, or may soon. */
function update(chance: Chance): Uint8Array {
  const id = chance.oneIn(100) ? chance.varint() : 4 * chance.below(6);
  let value = "";
  for (let parts = chance.below(8); parts > 0; parts -= 1) value += chance.pick(PRIORITY);
  const bytes = chance.oneIn(10) ? chance.bytes(60) : utf8(chance.oneIn(3) ? `u=${chance.below(8)}, i` : value);
  if (chance.oneIn(200)) return frame(0xf0700, bytes);
  return frame(chance.oneIn(200) ? 0xf0701 : 0xf0700, concat(varint(id), bytes));
}

function controlFrame(chance: Chance): Uint8Array {
  switch (chance.below(8)) {
    case 0:
      return chance.oneIn(20) ? frame(chance.pick([0x03, 0x04, 0x07, 0x0d]), varint(chance.varint())) : update(chance);
    case 1:
      return chance.oneIn(30) ? settings(chance) : update(chance);
    default:
      return frame(chance.oneIn(100) ? chance.varint() : 0x21 + 0x1f * chance.below(100), chance.bytes(100));
  }
}

const NOTHING = new Uint8Array(0);

export const h3: Target = { name: "h3", start: (seed) => new H3Session(seed, 10) };
export const qpack: Target = { name: "qpack", start: (seed) => new H3Session(seed, 75) };
