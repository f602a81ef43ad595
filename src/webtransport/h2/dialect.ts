/** What streams say, as capsules (draft-ietf-webtrans-http2 §6). */

import { CapsuleType } from "../../http/capsules/index.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import type { MuxDialect } from "../mux/index.ts";
import { H2Capsule, type StreamTypes } from "./capsule-types.ts";

const TYPE_LENGTH = 4;

export function capsuleDialect({ more, last }: StreamTypes): MuxDialect {
  const stream: MuxDialect["stream"] = (writer, id, _offset, data, fin) => {
    writer.varint(fin ? last : more);
    writer.varint(varintLength(id) + data.length);
    writer.varint(id);
    writer.write(data);
  };
  return {
    maxData: (writer, maximum) => writeIntegers(writer, H2Capsule.MAX_DATA, maximum),
    maxStreamData: (writer, id, maximum) => writeIntegers(writer, H2Capsule.MAX_STREAM_DATA, id, maximum),
    maxStreams: (writer, direction, maximum) => {
      const type = direction === "bidi" ? H2Capsule.MAX_STREAMS_BIDI : H2Capsule.MAX_STREAMS_UNI;
      writeIntegers(writer, type, maximum);
    },
    // §6.2: the reliable size is what was sent.
    resetStream: (writer, id, code, size) => writeIntegers(writer, H2Capsule.RESET_STREAM, id, code, size),
    stopSending: (writer, id, code) => writeIntegers(writer, H2Capsule.STOP_SENDING, id, code),
    streamOverhead: (id, _offset, length) => TYPE_LENGTH + varintLength(varintLength(id) + length) + varintLength(id),
    stream,
    datagramOverhead: (length) => 1 + varintLength(length),
    datagram: (writer, payload) => {
      writer.varint(CapsuleType.DATAGRAM);
      writer.varint(payload.length);
      writer.write(payload);
    },
    open: (writer, id) => stream(writer, id, 0, NO_DATA, false),
  };
}

const NO_DATA = new Uint8Array(0);

function writeIntegers(writer: Writer, type: number, ...values: readonly VarInt[]): void {
  writer.varint(type);
  writer.varint(values.reduce((sum: number, value) => sum + varintLength(value), 0));
  for (const value of values) writer.varint(value);
}
