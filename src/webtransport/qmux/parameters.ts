/** QX_TRANSPORT_PARAMETERS: the limits that each side announces first (draft-ietf-quic-qmux). */

import { WireError } from "../../base/errors.ts";
import { TRANSPORT_ERRORS, transportError } from "../../quic/errors.ts";
import type { Reader } from "../../wire/reader.ts";
import { formatVarInt, type VarInt, varintLength, wideInt } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import type { MuxLimits } from "../mux/index.ts";

/** Bytes of a record that every receiver takes, and the least that may be announced. */
export const DEFAULT_RECORD_SIZE = 16_382;

/** Limits of the side that announces them; 0 is the default of all but `maxRecordSize`. */
export interface QmuxParameters extends MuxLimits {
  /** Milliseconds; 0 for none. */
  readonly maxIdleTimeout: number;
  /** The largest DATAGRAM frame, its type and length included; 0 if datagrams are not accepted. */
  readonly maxDatagramFrameSize: number;
  readonly maxRecordSize: number;
  /** Beyond the draft: 1 if the side understands our DRAIN frame. Others ignore the parameter, and are sent none. */
  readonly takesDrain: number;
}

/** Numbers of RFC 9000 §18.2, RFC 9221 §3, and the draft's own. */
const IDS: readonly (readonly [keyof QmuxParameters, VarInt])[] = [
  ["maxIdleTimeout", 0x01],
  ["maxData", 0x04],
  ["maxStreamDataBidiLocal", 0x05],
  ["maxStreamDataBidiRemote", 0x06],
  ["maxStreamDataUni", 0x07],
  ["maxStreamsBidi", 0x08],
  ["maxStreamsUni", 0x09],
  ["maxDatagramFrameSize", 0x20],
  ["maxRecordSize", wideInt(0x0571c594, 0x29cd0845)],
  ["takesDrain", wideInt(0x2e616761, 0x72654472)],
];

const NAMES = new Map(IDS.map(([name, id]) => [formatVarInt(id), name]));

/** Parameters of QUIC that have no meaning without packets: the draft forbids them. */
const FORBIDDEN: ReadonlySet<VarInt> = new Set([0x00, 0x02, 0x03, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10]);
/** A list of protocols, for carriers that cannot negotiate one: a WebSocket can. */
const APPLICATION_PROTOCOLS = formatVarInt(wideInt(0x3d4f9c2a, 0x8b1e6075));
const RESET_STREAM_AT = 0x1d;
const MAX_STREAMS = 2 ** 60;

const DEFAULTS: QmuxParameters = {
  maxIdleTimeout: 0,
  maxData: 0,
  maxStreamDataBidiLocal: 0,
  maxStreamDataBidiRemote: 0,
  maxStreamDataUni: 0,
  maxStreamsBidi: 0,
  maxStreamsUni: 0,
  maxDatagramFrameSize: 0,
  maxRecordSize: DEFAULT_RECORD_SIZE,
  takesDrain: 0,
};

/** The content of the frame, without its type and length. Values that are the default are left out. */
export function emitParameters(parameters: QmuxParameters): Uint8Array {
  const writer = new Writer(new Uint8Array(IDS.length * 17));
  for (const [name, id] of IDS) {
    const value = parameters[name];
    if (value === DEFAULTS[name]) continue;
    writer.varint(id);
    writer.varint(varintLength(value));
    writer.varint(value);
  }
  return writer.written();
}

/** Throws a `ProtocolError` for parameters that are malformed, forbidden, or repeated. */
export function parseParameters(reader: Reader): QmuxParameters {
  const parameters: Record<string, number> = { ...DEFAULTS };
  const seen = new Set<string>();
  try {
    while (!reader.isAtEnd) {
      const id = reader.varintExact();
      const value = reader.sub(reader.varint());
      const key = formatVarInt(id);
      if (FORBIDDEN.has(id) || key === APPLICATION_PROTOCOLS) throw fault(`parameter ${key} is forbidden`);
      const name = NAMES.get(key);
      if (name === undefined && id !== RESET_STREAM_AT) continue;
      if (seen.has(key)) throw fault(`parameter ${key} was sent twice`);
      seen.add(key);
      if (name !== undefined) parameters[name] = value.varint();
      if (!value.isAtEnd) throw fault(`parameter ${key} has ${value.remaining} extra bytes`);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw fault(error.message);
  }
  const all = parameters as unknown as QmuxParameters;
  if (all.maxRecordSize < DEFAULT_RECORD_SIZE) throw fault(`a maximum record size of ${all.maxRecordSize} bytes`);
  // RFC 9000 §4.6.
  if (Math.max(all.maxStreamsBidi, all.maxStreamsUni) > MAX_STREAMS) throw fault("more streams than there are ids");
  return all;
}

const fault = (detail: string) => transportError("TRANSPORT_PARAMETER_ERROR", "QX_TRANSPORT_PARAMETERS", detail);

/** The name of a code in CONNECTION_CLOSE, for people. */
export function transportErrorName(code: VarInt): string {
  const names = Object.entries(TRANSPORT_ERRORS);
  return names.find(([, entry]) => entry.code === code)?.[0] ?? `error ${formatVarInt(code)}`;
}
