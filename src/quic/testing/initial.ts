/**
 * Initial packets for tests: anyone who has seen a connection's first packet can write and read them (RFC 9001 §5.2).
 */

import { PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { Frame } from "../frame/frames.ts";
import { emitFrame, parseFrame } from "../frame/index.ts";
import {
  deriveInitialSecrets,
  derivePacketKeys,
  openBatch,
  type PacketKeys,
  protectBatch,
  removeHeaderProtection,
} from "../keys/index.ts";
import { beginLongHeader, finishPacket } from "../packet/build.ts";
import { type PacketForm, type PacketHeader, parsePacketHeader } from "../packet/index.ts";
import { preferredVersion } from "../versions/index.ts";

const ID_LENGTH = 8;

function initialKeys(id: Uint8Array, sender: "client" | "server"): PacketKeys {
  const secret = deriveInitialSecrets(portableEngine, preferredVersion, id)[sender];
  return derivePacketKeys(portableEngine, "aes-128-gcm", "sha256", secret, preferredVersion);
}

export interface InitialOptions {
  readonly destination: Uint8Array;
  readonly source?: Uint8Array;
  readonly token?: Uint8Array;
  readonly frames?: readonly Frame[];
  readonly packetNumber?: number;
  /** The size of the whole datagram. */
  readonly length?: number;
  /** The id that the keys are derived from; the destination by default. */
  readonly keyId?: Uint8Array;
  readonly sender?: "client" | "server";
}

/** A sealed Initial packet that fills its datagram. */
export function initialPacket(options: InitialOptions): Uint8Array {
  const { destination, source = new Uint8Array(ID_LENGTH).fill(0x77), token = new Uint8Array(0) } = options;
  const { frames = [{ type: "ping" }], packetNumber = 0, length = 1_200 } = options;
  const writer = new Writer(new Uint8Array(length));
  const batch = new PacketBatch(writer.bytes, 1);
  const open = beginLongHeader(writer, "initial", preferredVersion, destination, source, token, packetNumber, 4);
  writer.end = length - TAG_LENGTH;
  for (const frame of frames) emitFrame(writer, frame);
  writer.fill(0, writer.remaining);
  writer.end = length;
  finishPacket(writer, open, batch);
  protectBatch(batch, initialKeys(options.keyId ?? destination, options.sender ?? "client"), 0);
  return writer.bytes;
}

export interface OpenedInitial {
  readonly header: PacketHeader;
  readonly packetNumber: number;
  readonly frames: readonly Frame[];
}

/**
 * Opens the first packet of a datagram. `keyId` is the destination of the client's first Initial (or of the first one
 * after a Retry).
 */
export function openInitial(datagram: Uint8Array, keyId: Uint8Array, sender: "client" | "server"): OpenedInitial {
  const bytes = datagram.slice();
  const header = parsePacketHeader(bytes, 0, bytes.length, ID_LENGTH);
  if (header?.form !== "initial") throw new Error(`expected an Initial packet, got ${header?.form}`);
  const keys = initialKeys(keyId, sender);
  const batch = new PacketBatch(bytes, 1);
  batch.header[0] = header.start;
  batch.packetNumberOffset[0] = header.packetNumberOffset;
  batch.end[0] = header.end;
  batch.count = 1;
  removeHeaderProtection(batch, keys, 0, -1);
  openBatch(batch, keys.packet, 0, 0);
  if (batch.ok[0] !== 1) throw new Error("the Initial packet failed to decrypt");
  const reader = new Reader(bytes, batch.payload[0], batch.end[0]! - TAG_LENGTH);
  const frames: Frame[] = [];
  while (!reader.isAtEnd) frames.push(parseFrame(reader, EncryptionLevel.initial));
  return { header, packetNumber: batch.packetNumber[0]!, frames };
}

/** The headers of the packets in a datagram. */
export function headersOf(datagram: Uint8Array): PacketHeader[] {
  const headers: PacketHeader[] = [];
  for (let at = 0; at < datagram.length; at = headers.at(-1)!.end) {
    const header = parsePacketHeader(datagram, at, datagram.length, ID_LENGTH, true);
    if (header === undefined) break;
    headers.push(header);
  }
  return headers;
}

export const formsOf = (datagram: Uint8Array): PacketForm[] => headersOf(datagram).map(({ form }) => form);
