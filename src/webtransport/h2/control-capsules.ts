/** The capsules of integers (draft-ietf-webtrans-http2 §6): how many each has, and what they mean for the streams. */

import { WireError } from "../../base/errors.ts";
import { CapsuleError } from "../../http/capsules/index.ts";
import { transportError } from "../../quic/errors.ts";
import { Reader } from "../../wire/reader.ts";
import { MAX_APPLICATION_CODE } from "../error-codes.ts";
import type { MuxStreams } from "../mux/index.ts";
import { H2Capsule } from "./capsule-types.ts";

const MAX_VARINT = 8;
/** §6.9 */
const MAX_STREAMS = 2 ** 60;

interface Control {
  readonly name: string;
  readonly fields: number;
  handle(streams: MuxStreams, ...values: number[]): void;
}

const CONTROLS: ReadonlyMap<number, Control> = new Map<number, Control>([
  [
    H2Capsule.RESET_STREAM,
    {
      name: "WT_RESET_STREAM",
      fields: 3,
      handle: (streams, id, code, size) => streams.handleReliableReset(id!, checkedCode(code!), size!),
    },
  ],
  [
    H2Capsule.STOP_SENDING,
    {
      name: "WT_STOP_SENDING",
      fields: 2,
      handle: (streams, id, code) => streams.handleStop(id!, checkedCode(code!)),
    },
  ],
  [
    H2Capsule.MAX_DATA,
    { name: "WT_MAX_DATA", fields: 1, handle: (streams, maximum) => streams.handleMaxData(maximum!, true) },
  ],
  [
    H2Capsule.MAX_STREAM_DATA,
    {
      name: "WT_MAX_STREAM_DATA",
      fields: 2,
      handle: (streams, id, maximum) => streams.handleMaxStreamData(id!, maximum!, true),
    },
  ],
  [
    H2Capsule.MAX_STREAMS_BIDI,
    {
      name: "WT_MAX_STREAMS",
      fields: 1,
      handle: (streams, maximum) => streams.handleMaxStreams("bidi", checkedStreams(maximum!), true),
    },
  ],
  [
    H2Capsule.MAX_STREAMS_UNI,
    {
      name: "WT_MAX_STREAMS",
      fields: 1,
      handle: (streams, maximum) => streams.handleMaxStreams("uni", checkedStreams(maximum!), true),
    },
  ],
]);

/** The longest value of a capsule of integers; undefined if the type is another. */
export function maxControlLength(type: number): number | undefined {
  const control = CONTROLS.get(type);
  return control && control.fields * MAX_VARINT;
}

/** Throws a `CapsuleError` if the value is malformed, and a `ProtocolError` if it breaks the rules of streams. */
export function handleControl(streams: MuxStreams, type: number, value: Uint8Array): void {
  const { name, fields, handle } = CONTROLS.get(type)!;
  const reader = new Reader(value);
  let values: number[];
  try {
    values = Array.from({ length: fields }, () => reader.varint());
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new CapsuleError(`${name} has ${value.length} bytes, too few for its ${fields} integers`);
  }
  // RFC 9297 §3.3
  if (!reader.isAtEnd) throw new CapsuleError(`${name} has ${reader.remaining} bytes too many`);
  handle(streams, ...values);
}

/** §6.2, §6.3: larger ones are session errors. */
function checkedCode(code: number): number {
  if (code <= MAX_APPLICATION_CODE) return code;
  throw new CapsuleError(`the error code ${code} is above 2^32 - 1`);
}

/** §6.9 */
function checkedStreams(maximum: number): number {
  if (maximum <= MAX_STREAMS) return maximum;
  throw transportError("FLOW_CONTROL_ERROR", "WT_MAX_STREAMS", "more streams than there are ids");
}
