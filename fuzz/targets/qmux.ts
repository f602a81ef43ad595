/** QMux in a WebSocket: messages of frames, mostly well-formed, in pieces of any size. */

import { type Instant, millis } from "../../src/base/time.ts";
import { WebSocketError, WebSocketReader, webSocketFrame } from "../../src/http/websocket/index.ts";
import type { Role } from "../../src/webtransport/mux/index.ts";
import { parametersFrame, pingFrame } from "../../src/webtransport/qmux/frames.ts";
import { MAX_MESSAGE, QMUX_VERSIONS, QmuxConnection, type QmuxVersion } from "../../src/webtransport/qmux/index.ts";
import { emitParameters, type QmuxParameters } from "../../src/webtransport/qmux/parameters.ts";
import { OWN_PARAMETERS } from "../../src/webtransport/qmux/qmux-connection.ts";
import { concat } from "../../src/wire/text.ts";
import type { VarInt } from "../../src/wire/varint.ts";
import { Writer } from "../../src/wire/writer.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const BINARY = 0x2;
const ENOUGH = 400;

class QmuxSession implements Session {
  readonly #chance: Chance;
  readonly #victim: QmuxConnection;
  readonly #reader: WebSocketReader;
  readonly #role: Role;
  /** What was sent on each stream: most offsets are right. */
  readonly #sent = new Map<number, number>();
  readonly #over = new Set<number>();
  readonly #version: QmuxVersion;
  #now = millis(1) as number as Instant;
  #steps = 0;
  #ended: string | undefined;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#role = chance.pick(["client", "server"] as const);
    this.#version = chance.pick(QMUX_VERSIONS);
    this.#victim = new QmuxConnection({
      role: this.#role,
      version: this.#version,
      now: this.#now,
      onReady: () => {},
      onPending: () => {},
    });
    this.#reader = new WebSocketReader({
      from: this.#role === "server" ? "client" : "server",
      maxMessage: MAX_MESSAGE,
      onMessage: (message) => this.#victim.handleMessage(message, this.#now),
      onPing: () => {},
      onClose: (status) => this.#victim.handleEnd(new Error(`status ${status}`)),
    });
    if (!chance.oneIn(50)) this.#send(parametersFrame(emitParameters(this.#parameters())));
  }

  get outcome(): string | undefined {
    if (this.#ended !== undefined) return this.#ended;
    return this.#steps >= ENOUGH ? "open" : undefined;
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    const frames = Array.from({ length: 1 + chance.below(3) }, () => this.#frame());
    const message = concat(...frames);
    if (message.length > 0) this.#send(chance.oneIn(200) ? mutate(message, chance) : message);
    this.#useSession();
    this.#now = ((this.#now as number) + millis(chance.below(200))) as Instant;
    const due = this.#victim.nextTimeout();
    if (due !== undefined && due <= this.#now) {
      this.#victim.handleTimeout(this.#now);
      const next = this.#victim.nextTimeout();
      if (next !== undefined && next <= this.#now) throw new VictimFault("a deadline is left in the past");
    }
    let messages = 0;
    while (this.#victim.pollMessage(this.#now) !== undefined) {
      messages += 1;
      if (messages > 1_000) throw new VictimFault("the victim sends endlessly");
    }
    if (this.#victim.streams.unread > OWN_PARAMETERS.maxData) throw new VictimFault("more waits than was allowed");
    if (this.#victim.isOver) this.#ended ??= `closed with ${this.#victim.closeStatus}`;
  }

  end(): void {
    this.#victim.handleEnd(new Error("the end"));
    const { size } = this.#victim.streams;
    if (size > 0) throw new VictimFault(`${size} streams are left over`);
  }

  #send(message: Uint8Array): void {
    const chance = this.#chance;
    const mask = this.#role === "server" ? Uint8Array.of(1, 2, 3, chance.below(256)) : undefined;
    const frame = webSocketFrame(BINARY, message, mask);
    const bytes = chance.oneIn(2_000) ? mutate(frame, chance) : frame;
    const cut = chance.below(bytes.length + 1);
    try {
      this.#reader.handle(bytes.subarray(0, cut));
      this.#reader.handle(bytes.subarray(cut));
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#ended ??= `WebSocket closed with ${error.status}`;
      this.#victim.handleEnd(error);
    }
  }

  /** What an application does: reads, answers, opens streams, and abandons some. */
  #useSession(): void {
    const chance = this.#chance;
    const { session } = this.#victim;
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
      if (event.type === "readable" && !chance.oneIn(4)) while (session.read(event.id, 1 + chance.below(100)));
      if (event.type === "readable" && chance.oneIn(30)) session.stopSending(event.id, chance.below(300));
      if (event.type === "stream" && event.direction === "bidi") {
        session.write(event.id, chance.bytes(50), chance.oneIn(2));
        if (chance.oneIn(10)) session.reset(event.id, chance.below(300));
      }
    }
    if (chance.oneIn(20)) session.openStream(chance.pick(["uni", "bidi"]));
    if (chance.oneIn(20)) session.sendDatagram(chance.bytes(100));
    if (chance.oneIn(2_000)) session.close({ closeCode: chance.below(300), reason: "bye" });
  }

  #parameters(): QmuxParameters {
    const chance = this.#chance;
    if (!chance.oneIn(3)) return OWN_PARAMETERS;
    return { ...OWN_PARAMETERS, maxData: chance.below(2_000), maxStreamsUni: chance.below(4), maxIdleTimeout: 5_000 };
  }

  #frame(): Uint8Array {
    const chance = this.#chance;
    const writer = new Writer(new Uint8Array(400));
    const isWild = chance.oneIn(300);
    // Streams that the peer opens, and on which it has not ended its part.
    const own = 4 * chance.below(12) + (this.#role === "server" ? 0 : 1) + chance.pick([0, 2]);
    const id = isWild ? chance.below(60) : own;
    const varints = (type: number, ...values: readonly VarInt[]): void => {
      writer.uint8(type);
      for (const value of values) writer.varint(isWild ? chance.varint() : value);
    };
    switch (chance.below(9)) {
      case 0: {
        const type = chance.pick([0x04, 0x05, 0x11]);
        if (type !== 0x04 && id % 4 >= 2 && !isWild) break;
        if (type === 0x04) varints(type, id, chance.below(300), this.#sent.get(id) ?? 0);
        else varints(type, id, chance.below(100_000));
        if (type === 0x04) this.#over.add(id);
        break;
      }
      case 1:
        varints(chance.pick([0x10, 0x12, 0x13, 0x14, 0x16, 0x17]), chance.below(5_000_000));
        break;
      case 2:
        if (chance.oneIn(4)) return pingFrame(this.#steps * 3 + chance.below(2), isWild);
        break;
      case 3: {
        if (this.#version === "qmux-00" && !isWild) break;
        const payload = chance.bytes(100);
        varints(0x31, payload.length);
        writer.write(payload);
        break;
      }
      case 4:
        if (!isWild) return new Uint8Array(1 + chance.below(4));
        writer.uint8(chance.pick([0x1c, 0x1d, 0x01, 0x06, 0x18, 0x24]));
        writer.write(chance.bytes(20));
        break;
      default: {
        if (this.#over.has(id) && !isWild) break;
        const data = chance.bytes(200);
        const offset = this.#sent.get(id) ?? 0;
        const fin = chance.oneIn(20);
        this.#sent.set(id, offset + data.length);
        if (fin) this.#over.add(id);
        varints(fin ? 0x0f : 0x0e, id, offset, data.length);
        writer.write(data);
      }
    }
    return writer.written();
  }
}

export const qmux: Target = { name: "qmux", start: (seed) => new QmuxSession(seed) };
