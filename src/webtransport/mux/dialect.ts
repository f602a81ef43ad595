/** How a carrier writes what the streams of its session say: frames of QMux, or capsules. */

import type { StreamDirection, StreamId } from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";

export interface MuxDialect {
  maxData(writer: Writer, maximum: number): void;
  maxStreamData(writer: Writer, id: StreamId, maximum: number): void;
  maxStreams(writer: Writer, direction: StreamDirection, maximum: number): void;
  /** `size` is the number of bytes that were sent before. */
  resetStream(writer: Writer, id: StreamId, code: VarInt, size: number): void;
  stopSending(writer: Writer, id: StreamId, code: VarInt): void;
  /** Most bytes that a piece of a stream takes besides its data of at most `length` bytes. */
  streamOverhead(id: StreamId, offset: number, length: number): number;
  stream(writer: Writer, id: StreamId, offset: number, data: Uint8Array, fin: boolean): void;
  datagramOverhead(length: number): number;
  datagram(writer: Writer, payload: Uint8Array): void;
  /** Says that a stream was opened, before there is data; undefined where streams are opened by their data. */
  open?(writer: Writer, id: StreamId): void;
}
