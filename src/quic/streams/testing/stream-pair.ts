/** Two stream sets that exchange packets of frames, without a connection. For tests. */

import type { Instant, Micros } from "../../../base/time.ts";
import { EncryptionLevel } from "../../../tls/handshake.ts";
import { Reader } from "../../../wire/reader.ts";
import { Writer } from "../../../wire/writer.ts";
import { type Frame, parseFrame } from "../../frame/index.ts";
import type { SentFrame } from "../../recovery/sent-packet.ts";
import type { TransportEvent } from "../../transport.ts";
import type { PeerStreamLimits, StreamSetLimits } from "../limits.ts";
import { StreamSet, type StreamSetHost } from "../stream-set.ts";

export const TEST_LIMITS: StreamSetLimits = {
  initialMaxData: 100_000,
  initialMaxStreamData: 50_000,
  initialMaxStreamsBidi: 10,
  initialMaxStreamsUni: 3,
  maxConnectionWindow: 1_000_000,
  maxStreamWindow: 500_000,
  sendBufferPerStream: 40_000,
};

export const at = (micros: number): Instant => micros as Instant;

/** The limits as the peer sees them, in its transport parameters. */
export const announced = (limits: StreamSetLimits): PeerStreamLimits => ({
  initialMaxData: limits.initialMaxData,
  initialMaxStreamDataBidiLocal: limits.initialMaxStreamData,
  initialMaxStreamDataBidiRemote: limits.initialMaxStreamData,
  initialMaxStreamDataUni: limits.initialMaxStreamData,
  initialMaxStreamsBidi: limits.initialMaxStreamsBidi,
  initialMaxStreamsUni: limits.initialMaxStreamsUni,
  resetStreamAt: true,
});

export interface TestPacket {
  readonly bytes: Uint8Array;
  readonly frames: readonly SentFrame[];
}

export class TestSide implements StreamSetHost {
  readonly role: "client" | "server";
  readonly set: StreamSet;
  readonly events: TransportEvent[] = [];
  smoothedRtt = 50_000 as Micros;

  constructor(role: "client" | "server", limits: Partial<StreamSetLimits> = {}) {
    this.role = role;
    this.set = new StreamSet(this, { ...TEST_LIMITS, ...limits });
  }

  emit(event: TransportEvent): void {
    this.events.push(event);
  }

  /** The events since the last call. */
  takeEvents(): TransportEvent[] {
    return this.events.splice(0);
  }

  /** One packet of pending data; undefined if there is nothing to send. */
  packet(size = 1_200, now: Instant = at(0)): TestPacket | undefined {
    if (!this.set.hasControlFrames && !this.set.hasStreamData) return undefined;
    const writer = new Writer(new Uint8Array(size));
    const frames: SentFrame[] = [];
    if (this.set.hasControlFrames) this.set.writeControlFrames(writer, frames);
    if (this.set.hasStreamData) this.set.writeStreamFrames(writer, frames, now);
    return { bytes: writer.written(), frames };
  }

  /** All packets that can be sent now. */
  packets(size = 1_200, now: Instant = at(0)): TestPacket[] {
    const packets: TestPacket[] = [];
    for (let packet = this.packet(size, now); packet !== undefined; packet = this.packet(size, now)) {
      if (packet.frames.length === 0) throw new Error("something is pending, but nothing was written");
      packets.push(packet);
    }
    return packets;
  }

  receive(packet: TestPacket, now: Instant = at(0)): void {
    for (const frame of framesOf(packet)) this.handle(frame, now);
  }

  acked(packet: TestPacket): void {
    for (const frame of packet.frames) this.set.handleAcked(frame);
  }

  lost(packet: TestPacket): void {
    for (const frame of packet.frames) this.set.handleLost(frame);
  }

  handle(frame: Frame, now: Instant = at(0)): void {
    const { set } = this;
    switch (frame.type) {
      case "stream":
        set.handleStream(frame.id, frame.offset, frame.data, frame.fin, now);
        break;
      case "reset-stream":
        set.handleResetStream(frame.id, frame.code, frame.finalSize);
        break;
      case "reset-stream-at":
        set.handleResetStream(frame.id, frame.code, frame.finalSize, frame.reliableSize);
        break;
      case "stop-sending":
        set.handleStopSending(frame.id, frame.code);
        break;
      case "max-data":
        set.handleMaxData(frame.maximum);
        break;
      case "max-stream-data":
        set.handleMaxStreamData(frame.id, frame.maximum);
        break;
      case "max-streams":
        set.handleMaxStreams(frame.direction, frame.maximum);
        break;
      case "data-blocked":
        set.handleDataBlocked(frame.limit);
        break;
      case "stream-data-blocked":
        set.handleStreamDataBlocked(frame.id, frame.limit);
        break;
      case "streams-blocked":
        set.handleStreamsBlocked(frame.direction, frame.limit);
        break;
      default:
        throw new Error(`streams do not handle ${frame.type}`);
    }
  }
}

export function framesOf(packet: TestPacket): Frame[] {
  const reader = new Reader(packet.bytes);
  const frames: Frame[] = [];
  while (!reader.isAtEnd) frames.push(parseFrame(reader, EncryptionLevel.oneRtt));
  return frames;
}

export interface StreamPair {
  readonly client: TestSide;
  readonly server: TestSide;
}

export function streamPair(
  options: { client?: Partial<StreamSetLimits>; server?: Partial<StreamSetLimits> } = {},
): StreamPair {
  const client = new TestSide("client", options.client);
  const server = new TestSide("server", options.server);
  client.set.setPeerLimits(announced({ ...TEST_LIMITS, ...options.server }));
  server.set.setPeerLimits(announced({ ...TEST_LIMITS, ...options.client }));
  return { client, server };
}

/** Delivers and acknowledges packets in both directions until nothing is pending. */
export function settle({ client, server }: StreamPair, now: Instant = at(0)): void {
  for (let quiet = false; !quiet; ) {
    quiet = true;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      for (const packet of from.packets(1_200, now)) {
        quiet = false;
        to.receive(packet, now);
        from.acked(packet);
      }
    }
  }
}

/** Reads everything available. */
export function drain(side: TestSide, id: number): { bytes: Uint8Array; fin: boolean } {
  const runs: Uint8Array[] = [];
  let fin = false;
  for (let chunk = side.set.read(id); chunk !== undefined; chunk = side.set.read(id)) {
    runs.push(chunk.bytes);
    fin = chunk.fin;
  }
  const bytes = new Uint8Array(runs.reduce((sum, run) => sum + run.length, 0));
  let position = 0;
  for (const run of runs) {
    bytes.set(run, position);
    position += run.length;
  }
  return { bytes, fin };
}

/** Bytes that differ between nearby offsets. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + (i >>> 8) * 17 + seed) & 0xff;
  return bytes;
}
