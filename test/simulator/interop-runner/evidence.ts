/**
 * What the runner judges a case by: the packets that each side sent, with their frames, and the datagrams as they passed
 * each end of the network. Frames come from the sides' own traces, matched with the captured datagrams in order.
 */

import { createCipheriv } from "node:crypto";
import type { Ecn } from "../../../src/base/datagrams.ts";
import type { Instant } from "../../../src/base/time.ts";
import { hkdfExpandLabel } from "../../../src/crypto/index.ts";
import { portableEngine } from "../../../src/crypto/portable/index.ts";
import type { Frame } from "../../../src/quic/frame/index.ts";
import { type PacketForm, parsePacketHeader } from "../../../src/quic/packet/index.ts";
import type { QuicTraceEvent } from "../../../src/quic/trace.ts";
import type { CaptureRecord, SimulatedDatagram } from "../../../src/sim/index.ts";
import { fromHex, toHex } from "../../../src/wire/hex.ts";

export type Side = "client" | "server";

/** A packet as its sender describes it. */
export interface SentPacket {
  readonly side: Side;
  readonly time: Instant;
  readonly form: PacketForm;
  /** 0 in 1-RTT packets. */
  readonly version: number;
  /** Bytes, including header and tag. */
  readonly size: number;
  /** -1 for packets without a number, such as Retry. */
  readonly packetNumber: number;
  readonly destination: string;
  readonly source: string;
  readonly token: string;
  /** The datagram's addresses: "local → remote". */
  readonly path: string;
  readonly remoteHost: string;
  /** Types of frames, and the fields that checks need. */
  readonly frames: readonly SeenFrame[];
}

export type SeenFrame =
  | { readonly type: "crypto"; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: "path-challenge" | "path-response"; readonly data: string }
  | { readonly type: "ack"; readonly hasEcn: boolean }
  | { readonly type: "connection-close"; readonly layer: string; readonly code: number }
  | { readonly type: "other"; readonly name: Frame["type"] };

interface TracedPacket {
  readonly packetNumber: number;
  readonly frames: readonly SeenFrame[];
}

function seen(frame: Frame): SeenFrame {
  switch (frame.type) {
    case "crypto":
      return { type: "crypto", offset: frame.offset, data: frame.data.slice() };
    case "path-challenge":
    case "path-response":
      return { type: frame.type, data: toHex(frame.data) };
    case "ack":
      return { type: "ack", hasEcn: frame.ecn !== undefined };
    case "connection-close":
      return { type: "connection-close", layer: frame.layer, code: Number(frame.code) };
    default:
      return { type: "other", name: frame.type };
  }
}

/** The length of connection ids in short headers. */
const ID_LENGTH = 8;
const TRACED: readonly PacketForm[] = ["initial", "zero-rtt", "handshake", "one-rtt"];
const SAMPLE_LENGTH = 16;
const KEY_PHASE = 0x04;

/** RFC 8446 §4: each message has a type, and a length of three bytes. */
function messageTypes(pieces: ReadonlyMap<number, Uint8Array>): number[] {
  const length = Math.max(...[...pieces].map(([offset, { length: size }]) => offset + size));
  const bytes = new Uint8Array(length);
  for (const [offset, piece] of pieces) bytes.set(piece, offset);
  const types: number[] = [];
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 4 <= length; at += 4 + (view.getUint32(at) & 0xff_ffff)) types.push(bytes[at]!);
  return types;
}

export class Evidence {
  readonly packets: SentPacket[] = [];
  /** Bytes that the server had sent and received before the first Handshake packet from the client reached it. */
  readonly beforeValidation: { sent: number; received: number }[] = [];
  readonly marks: Record<Side, Set<Ecn>> = { client: new Set(), server: new Set() };
  readonly families: Set<number> = new Set();
  readonly drops = new Map<string, number>();
  readonly keyLog: string[] = [];
  /** Datagrams with a short header that reached the client: first and last. */
  firstOneRtt: Instant | undefined;
  lastOneRtt: Instant | undefined;
  readonly #traced: Record<Side, TracedPacket[]> = { client: [], server: [] };
  readonly #shortHeaders: Record<Side, Uint8Array[]> = { client: [], server: [] };
  readonly #keepsShortHeaders: boolean;
  #isValidated = false;
  #sent = 0;
  #received = 0;

  constructor(keepsShortHeaders: boolean) {
    this.#keepsShortHeaders = keepsShortHeaders;
  }

  /** For the traces of one side's connections. */
  readonly trace =
    (side: Side) =>
    (event: QuicTraceEvent): void => {
      if (event.type !== "quic:packet-sent") return;
      this.#traced[side].push({ packetNumber: event.packetNumber, frames: event.frames.map(seen) });
    };

  readonly capture = ({ what, datagram, direction, time, reason }: CaptureRecord): void => {
    const side = direction === "forward" ? "client" : "server";
    if (what === "sent") this.#handleSent(side, datagram, time);
    if (what === "delivered" && side === "client") this.#handleServerReceived(datagram);
    if (what === "delivered" && side === "server" && (datagram.bytes[0]! & 0x80) === 0) {
      this.firstOneRtt ??= time;
      this.lastOneRtt = time;
    }
    if (what === "dropped") this.drops.set(`${side} ${reason}`, (this.drops.get(`${side} ${reason}`) ?? 0) + 1);
  };

  #handleSent(side: Side, { bytes, source, destination, ecn }: SimulatedDatagram, time: Instant): void {
    this.marks[side].add(ecn);
    this.families.add(source.family);
    if (side === "server" && !this.#isValidated) {
      this.#sent += bytes.length;
      this.beforeValidation.push({ sent: this.#sent, received: this.#received });
    }
    for (let at = 0; at < bytes.length; ) {
      const header = parsePacketHeader(bytes, at, bytes.length, ID_LENGTH, true);
      // Padding of the datagram, or a stateless reset.
      if (header === undefined) break;
      const isTraced = TRACED.includes(header.form);
      const traced = isTraced ? this.#traced[side].shift() : undefined;
      this.packets.push({
        side,
        time,
        form: header.form,
        version: header.version,
        size: header.end - header.start,
        packetNumber: traced?.packetNumber ?? -1,
        destination: toHex(header.destination),
        source: toHex(header.source),
        token: toHex(header.token),
        path: `${source.host}:${source.port} → ${destination.host}:${destination.port}`,
        remoteHost: destination.host,
        frames: traced?.frames ?? [],
      });
      if (header.form === "one-rtt" && this.#keepsShortHeaders) this.#shortHeaders[side].push(bytes.subarray(at));
      at = header.end;
    }
  }

  #handleServerReceived({ bytes }: SimulatedDatagram): void {
    this.#received += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const header = parsePacketHeader(bytes, at, bytes.length, ID_LENGTH, true);
      if (header === undefined) return;
      if (header.form === "handshake") this.#isValidated = true;
      at = header.end;
    }
  }

  sentBy(side: Side, form?: PacketForm): readonly SentPacket[] {
    return this.packets.filter((packet) => packet.side === side && (form === undefined || packet.form === form));
  }

  framesOf<T extends SeenFrame["type"]>(side: Side, type: T): readonly Extract<SeenFrame, { type: T }>[] {
    return this.sentBy(side).flatMap(({ frames }) =>
      frames.filter((frame): frame is Extract<SeenFrame, { type: T }> => frame.type === type),
    );
  }

  /** The number of handshakes, as the runner counts them: distinct source ids of the server's Initial packets. */
  get handshakes(): number {
    return new Set(this.sentBy("server", "initial").map(({ source }) => source)).size;
  }

  /** The types of the handshake messages of each connection that a server sent at the Handshake level. */
  get serverMessages(): readonly (readonly number[])[] {
    const flights = new Map<string, Map<number, Uint8Array>>();
    for (const { source, frames } of this.sentBy("server", "handshake")) {
      const flight = flights.get(source) ?? new Map<number, Uint8Array>();
      flights.set(source, flight);
      for (const frame of frames) if (frame.type === "crypto") flight.set(frame.offset, frame.data);
    }
    return [...flights.values()].map(messageTypes);
  }

  /** The key phase bits that a side has sent, read with the header key from the key log (RFC 9001 §5.4). */
  keyPhases(side: Side): Set<number> {
    const label = side === "client" ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0";
    const secret = this.keyLog.find((line) => line.startsWith(label))?.split(" ")[2];
    if (secret?.length !== 64) throw new Error("expects a key log of one connection with a SHA-256 cipher suite");
    const key = hkdfExpandLabel(portableEngine, "sha256", fromHex(secret), "quic hp", new Uint8Array(0), 16);
    const cipher = createCipheriv("aes-128-ecb", key, null);
    return new Set(
      this.#shortHeaders[side].map((bytes) => {
        const sample = bytes.subarray(1 + ID_LENGTH + 4, 1 + ID_LENGTH + 4 + SAMPLE_LENGTH);
        const [mask] = cipher.update(sample);
        return ((bytes[0]! ^ mask!) & KEY_PHASE) === 0 ? 0 : 1;
      }),
    );
  }
}
