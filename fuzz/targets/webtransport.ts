/** WebTransport over HTTP/3: streams, datagrams and capsules of sessions that exist, have ended, or never come. */

import { StreamClaims } from "../../src/h3/index.ts";
import { headers, RawPeer, REQUEST, varint } from "../../src/h3/testing/raw-peer.ts";
import { CapsuleError, CapsuleReader, CapsuleType, capsule, capsuleHead } from "../../src/http/capsules/index.ts";
import type { StreamDirection, StreamId } from "../../src/quic/index.ts";
import { type SessionStreams, WebTransportStreams } from "../../src/webtransport/h3/index.ts";
import { closeValue, MAX_CLOSE_LENGTH, parseClose, WebTransportCapsule } from "../../src/webtransport/index.ts";
import { concat } from "../../src/wire/text.ts";
import { formatVarInt } from "../../src/wire/varint.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const EXTENDED = [[":method", "CONNECT"], [":protocol", "webtransport"], ...REQUEST.slice(1)] as const;
const TYPES = { uni: 0x54, bidi: 0x41 } as const;
const MAX_STREAMS = 200;
/** No value that is collected is longer. */
const MAX_COLLECTED = 65_535;

/** What the victim's application does with a session: reads everything, answers, and opens streams of its own. */
class Application {
  readonly streams: SessionStreams;
  readonly reader: CapsuleReader;

  constructor(streams: SessionStreams, chance: Chance) {
    this.streams = streams;
    this.reader = new CapsuleReader({
      begin: (type, length) => {
        if (type === CapsuleType.DATAGRAM) return length <= MAX_COLLECTED ? "collect" : "skip";
        if (type !== WebTransportCapsule.CLOSE) return chance.oneIn(2) ? "skip" : "stream";
        if (length > MAX_CLOSE_LENGTH) throw new CapsuleError("too long");
        return "collect";
      },
      collected: (type, value) => {
        if (type !== WebTransportCapsule.CLOSE) return;
        if (typeof parseClose(value) === "string") throw new CapsuleError("malformed");
        this.reader.expectEnd();
        this.streams.close();
      },
    });
    const read = (id: StreamId): void => {
      for (let chunk = streams.read(id); chunk !== undefined; chunk = streams.read(id)) {
        if (chance.oneIn(20)) streams.stopSending(id, chance.below(300));
      }
    };
    streams.handler = {
      handleStream: (id: StreamId, direction: StreamDirection) => {
        if (direction === "bidi") streams.write(id, chance.bytes(50), chance.oneIn(2));
        if (chance.oneIn(4)) streams.open(chance.pick(["uni", "bidi"]));
      },
      handleReadable: read,
      handleWritable: () => {},
      handleReset: () => {},
      handleStopped: () => {},
      handleFinished: () => {},
      handleStreamsAvailable: () => {},
    };
  }
}

class WebTransportSession implements Session {
  readonly #chance: Chance;
  readonly #peer: RawPeer;
  readonly #streams: WebTransportStreams;
  readonly #sessions = new Map<StreamId, Application>();
  /** Streams on which the peer sends on. */
  #open: StreamId[] = [];
  #opened = 0;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    const claims = new StreamClaims();
    const limits = { maxBidiStreams: MAX_STREAMS, maxUniStreams: MAX_STREAMS };
    this.#peer = new RawPeer("server", { enableConnectProtocol: true, claims, ...limits });
    const { victim } = this.#peer;
    this.#streams = new WebTransportStreams(victim.transport, claims, () => victim.connection.nextRequestId);
    victim.onEvent = (event) => {
      if (event.type === "request" && event.head.protocol === "webtransport") {
        if (chance.oneIn(5)) return;
        this.#sessions.set(event.id, new Application(this.#streams.add(event.id), chance));
      } else if (event.type === "data") this.#readCapsules(event.id);
      else if (event.type === "finished" || event.type === "reset") this.#end(event.id);
    };
    this.#peer.openControl();
  }

  get outcome(): string | undefined {
    const code = this.#peer.closeCode;
    if (code !== undefined) return `closed with ${formatVarInt(code)}`;
    return this.#opened >= MAX_STREAMS / 2 ? "open" : undefined;
  }

  step(): void {
    const chance = this.#chance;
    switch (chance.below(8)) {
      case 0:
        this.#start("bidi", headers(EXTENDED));
        break;
      case 1:
      case 2:
      case 3: {
        const direction = chance.pick(["uni", "bidi"] as const);
        const sessionId = chance.oneIn(40) ? chance.varint() : 4 * chance.below(6);
        const header = concat(varint(TYPES[direction]), varint(sessionId), chance.bytes(40));
        this.#start(direction, chance.oneIn(30) ? mutate(header, chance) : header);
        break;
      }
      case 4:
        this.#peer.sendDatagram(concat(varint(chance.oneIn(40) ? chance.varint() : chance.below(6)), chance.bytes(60)));
        break;
      case 5:
        this.#sendOn((id) => {
          if (chance.oneIn(2)) this.#peer.transport.reset(id, chance.below(1_000));
          else if (id % 4 < 2) this.#peer.transport.stopSending(id, chance.below(1_000));
        });
        break;
      case 6:
        this.#sendOn((id) => {
          const capsules = this.#capsules();
          this.#peer.send(id, concat(varint(0), varint(capsules.length), capsules), chance.oneIn(10));
        });
        break;
      default:
        this.#sendOn((id) => {
          this.#peer.send(id, chance.bytes(80), chance.oneIn(3));
        });
    }
    this.#peer.run();
    for (const { reader } of this.#sessions.values()) {
      if (reader.bytesHeld > MAX_COLLECTED) throw new VictimFault(`${reader.bytesHeld} bytes of a capsule are held`);
    }
  }

  end(): void {
    for (const { streams } of this.#sessions.values()) {
      streams.close();
      if (streams.size > 0) throw new VictimFault(`${streams.size} streams are left over`);
    }
  }

  #start(direction: StreamDirection, bytes: Uint8Array): void {
    if (this.#opened >= MAX_STREAMS) return;
    this.#opened += 1;
    const id = this.#peer.transport.openStream(direction);
    if (id === undefined) return;
    this.#open.push(id);
    const cut = this.#chance.below(bytes.length + 1);
    this.#peer.send(id, bytes.subarray(0, cut));
    this.#peer.send(id, bytes.subarray(cut), this.#chance.oneIn(4));
  }

  #sendOn(send: (id: StreamId) => void): void {
    if (this.#open.length > 0) send(this.#chance.pick(this.#open));
  }

  #capsules(): Uint8Array {
    const chance = this.#chance;
    const parts = Array.from({ length: 1 + chance.below(3) }, () => {
      switch (chance.below(5)) {
        case 0:
          return capsule(WebTransportCapsule.CLOSE, closeValue({ closeCode: chance.below(300), reason: "bye" }));
        case 1:
          return capsule(WebTransportCapsule.DRAIN);
        case 2:
          return capsule(CapsuleType.DATAGRAM, chance.bytes(60));
        case 3:
          return capsuleHead(chance.varint(), chance.oneIn(2) ? chance.below(100_000) : 2 ** 53 - 1);
        default:
          return capsule(chance.varint(), chance.bytes(60));
      }
    });
    const all = concat(...parts);
    return chance.oneIn(4) ? mutate(all, chance) : all;
  }

  #readCapsules(id: StreamId): void {
    const { connection } = this.#peer.victim;
    const session = this.#sessions.get(id);
    for (let chunk = connection.readData(id); chunk !== undefined; chunk = connection.readData(id)) {
      try {
        session?.reader.handle(chunk.bytes);
      } catch (error) {
        if (!(error instanceof CapsuleError)) throw error;
        connection.cancel(id);
        this.#end(id);
        return;
      }
    }
  }

  #end(id: StreamId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    session.streams.close();
    session.reader.stop();
    this.#peer.victim.connection.cancel(id);
  }
}

export const webtransport: Target = { name: "webtransport", start: (seed) => new WebTransportSession(seed) };
