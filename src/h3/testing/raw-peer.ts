/** A peer that sends arbitrary bytes to the connection under test. */

import { SeededRng } from "../../base/rng.ts";
import type { FieldSection } from "../../http/index.ts";
import { maxEncodedLength, QpackEncoder, SECTION_PREFIX_ROOM } from "../../qpack/index.ts";
import { concat } from "../../wire/text.ts";
import type { VarInt } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { FrameType, type Role } from "../frames.ts";
import type { H3Options } from "../options.ts";
import { type MemoryDatagrams, memoryDatagrams } from "./memory-datagrams.ts";
import { type MemoryOptions, type MemoryTransport, memoryPair } from "./memory-transport.ts";
import { H3Side } from "./pair.ts";

export function varint(value: VarInt): Uint8Array {
  const writer = new Writer(new Uint8Array(8));
  writer.varint(value);
  return writer.written();
}

export const frame = (type: VarInt, payload: Uint8Array = new Uint8Array(0)): Uint8Array =>
  concat(varint(type), varint(payload.length), payload);

/** Encodes a field section without the dynamic table. Does not check names and values. */
export function section(fields: FieldSection): Uint8Array {
  const target = new Uint8Array(SECTION_PREFIX_ROOM + maxEncodedLength(fields));
  const encoder = new QpackEncoder({ tableCapacity: 0 });
  const end = encoder.encode(0, fields, target, SECTION_PREFIX_ROOM, 0);
  return target.slice(encoder.sectionStart, end);
}

export const headers = (fields: FieldSection): Uint8Array => frame(FrameType.HEADERS, section(fields));
export const data = (length: number): Uint8Array => frame(FrameType.DATA, new Uint8Array(length));
export const settings = (...pairs: (readonly [VarInt, VarInt])[]): Uint8Array =>
  frame(FrameType.SETTINGS, concat(...pairs.flatMap(([id, value]) => [varint(id), varint(value)])));

export const REQUEST: FieldSection = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "example.com"],
  [":path", "/"],
];
export const RESPONSE: FieldSection = [[":status", "200"]];

export class RawPeer {
  /** The connection under test. */
  readonly victim: H3Side;
  /** Datagrams to the victim, and those that it sent. */
  readonly datagrams: MemoryDatagrams;
  readonly transport: MemoryTransport;

  constructor(victim: Role, options: MemoryOptions & Partial<H3Options> = {}) {
    const pair = memoryPair(options);
    const datagrams = memoryDatagrams(pair.client, pair.server);
    this.victim = new H3Side(pair[victim], { datagrams: datagrams[victim], ...options, rng: new SeededRng(1) });
    this.transport = pair[victim === "client" ? "server" : "client"];
    this.datagrams = datagrams[victim === "client" ? "server" : "client"];
    this.run();
  }

  run(): this {
    while (this.victim.turn() || this.transport.deliverOne()) this.transport.events.length = 0;
    return this;
  }

  /** Sends on a stream and lets the victim react. */
  send(id: number, bytes: Uint8Array, fin = false): this {
    this.transport.write(id, bytes, fin);
    return this.run();
  }

  /** Sends a datagram and lets the victim react. */
  sendDatagram(bytes: Uint8Array): this {
    this.datagrams.peer.deliver(bytes);
    return this.run();
  }

  /** Opens a unidirectional stream with a type, and sends `parts` after it. */
  openUni(type: VarInt, ...parts: Uint8Array[]): number {
    const id = this.transport.openStream("uni")!;
    this.send(id, concat(varint(type), ...parts));
    return id;
  }

  /** Opens the control stream, by default with empty SETTINGS. */
  openControl(...parts: Uint8Array[]): number {
    return this.openUni(0, ...(parts.length > 0 ? parts : [settings()]));
  }

  /** A request stream on which this peer sends next: a new one, or one that the victim opened with a request. */
  openRequest(method = "GET"): number {
    if (this.victim.connection.role === "server") return this.transport.openStream("bidi")!;
    const target =
      method === "CONNECT"
        ? { method, authority: "example.com:443", fields: [] }
        : { method, scheme: "https", authority: "example.com", path: "/", fields: [] };
    const id = this.victim.connection.request(target, method !== "CONNECT");
    this.run();
    return id!;
  }

  /** The head of a well-formed message from this peer. */
  get head(): FieldSection {
    return this.victim.connection.role === "server" ? REQUEST : RESPONSE;
  }

  /** The code with which the victim closed the connection. */
  get closeCode(): VarInt | undefined {
    return this.victim.transport.closed?.code;
  }
}
