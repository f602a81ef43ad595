/** What streams say, as the frames of QUIC that QMux has. */

import {
  emitDatagram,
  emitMaxData,
  emitMaxStreamData,
  emitMaxStreams,
  emitResetStream,
  emitStopSending,
  emitStream,
  streamFrameOverhead,
} from "../../quic/frame/index.ts";
import { varintLength } from "../../wire/varint.ts";
import type { MuxDialect } from "../mux/dialect.ts";

export const QMUX_DIALECT: MuxDialect = {
  maxData: emitMaxData,
  maxStreamData: emitMaxStreamData,
  maxStreams: emitMaxStreams,
  resetStream: emitResetStream,
  stopSending: emitStopSending,
  streamOverhead: streamFrameOverhead,
  stream: (writer, id, offset, data, fin) => emitStream(writer, id, offset, data, 0, data.length, fin, true),
  datagramOverhead: (length) => 1 + varintLength(length),
  datagram: (writer, payload) => emitDatagram(writer, payload, true),
};
