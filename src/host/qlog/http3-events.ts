/** HTTP/3's trace events as qlog events (draft-ietf-quic-qlog-h3-events). */

import { type H3TraceEvent, SETTINGS, type TracedFrame } from "../../h3/index.ts";
import type { FieldLine } from "../../http/index.ts";
import { toHex } from "../../wire/hex.ts";
import { latin1 } from "../../wire/text.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { QlogEvent } from "./event.ts";
import { redacted } from "./redaction.ts";
import { integer, type QlogObject } from "./values.ts";

/** RFC 9297 §5.1; such settings come from extensions. */
const H3_DATAGRAM = 0x33;

const SETTING_NAMES = new Map<VarInt, string>([
  ...Object.values(SETTINGS).map(({ id, name }): [number, string] => [id, name.toLowerCase()]),
  [H3_DATAGRAM, "settings_h3_datagram"],
]);

const STREAM_TYPES = {
  request: "request",
  control: "control",
  push: "push",
  "qpack-encoder": "qpack_encode",
  "qpack-decoder": "qpack_decode",
  reserved: "reserved",
  unknown: "unknown",
} as const;

type Parameters = Extract<H3TraceEvent, { type: "http3:parameters-set" }>["settings"];

export function http3EventOf(event: H3TraceEvent, isRedacted: boolean): QlogEvent {
  switch (event.type) {
    case "http3:frame-created":
      return { name: "http3:frame_created", data: { stream_id: event.id, frame: frameOf(event.frame, isRedacted) } };
    case "http3:frame-parsed":
      return { name: "http3:frame_parsed", data: { stream_id: event.id, frame: frameOf(event.frame, isRedacted) } };
    case "http3:parameters-set":
      return { name: "http3:parameters_set", data: { initiator: event.initiator, ...parametersOf(event.settings) } };
    case "http3:parameters-restored":
      return { name: "http3:parameters_restored", data: parametersOf(event.settings) };
    case "http3:stream-type-set":
      return {
        name: "http3:stream_type_set",
        data: {
          initiator: event.initiator,
          stream_id: event.id,
          stream_type: STREAM_TYPES[event.streamType],
          ...(event.streamType === "unknown" && event.number !== undefined ? { stream_type_bytes: event.number } : {}),
        },
      };
  }
}

function frameOf(frame: TracedFrame, isRedacted: boolean): QlogObject {
  switch (frame.type) {
    case "data":
      return { frame_type: "data", raw: payload(frame.length) };
    case "headers":
      return {
        frame_type: "headers",
        headers: frame.fields.map((line) => fieldOf(line, isRedacted)),
        raw: payload(frame.length),
      };
    case "settings":
      return { frame_type: "settings", settings: frame.settings.map(settingOf), raw: payload(frame.length) };
    case "goaway":
      return { frame_type: "goaway", id: frame.id, raw: payload(varintLength(frame.id)) };
    case "origin":
      return { frame_type: "origin", origins: frame.origins };
    case "max-push-id":
      return { frame_type: "max_push_id", push_id: frame.id, raw: payload(varintLength(frame.id)) };
    case "priority-update":
      return {
        frame_type: "priority_update",
        target_stream_type: frame.of,
        ...(frame.of === "request" ? { stream_id: frame.id } : { push_id: frame.id }),
        priority_field_value: frame.value,
      };
    case "reserved":
    case "unknown":
      return { frame_type: frame.type, frame_type_bytes: integer(frame.number), raw: payload(frame.length) };
  }
}

const payload = (length: number): QlogObject => ({ payload_length: length });

const isAscii = (text: string): boolean => /^[\t\x20-\x7e]*$/.test(text);

function fieldOf([name, value]: FieldLine, isRedacted: boolean): QlogObject {
  const shown = isRedacted ? redacted(name, value) : value;
  return { name, ...(isAscii(shown) ? { value: shown } : { value_bytes: toHex(latin1(shown)) }) };
}

/** RFC 9114 §7.2.4.1: values of 0x1f * N + 0x21 are reserved to exercise peers. */
const isReserved = (id: VarInt): boolean => {
  const exact = typeof id === "number" ? BigInt(id) : (BigInt(id.high) << 32n) | BigInt(id.low);
  return exact >= 0x21n && (exact - 0x21n) % 0x1fn === 0n;
};

function settingOf({ id, value }: { readonly id: VarInt; readonly value: VarInt }): QlogObject {
  const name = SETTING_NAMES.get(id) ?? (isReserved(id) ? "reserved" : "unknown");
  return { name, ...(name === "unknown" ? { name_bytes: integer(id) } : {}), value: integer(value) };
}

/** An unlimited size is omitted. */
const parametersOf = (settings: Parameters): QlogObject => ({
  ...(Number.isFinite(settings.maxFieldSectionSize) ? { max_field_section_size: settings.maxFieldSectionSize } : {}),
  max_table_capacity: settings.qpackMaxTableCapacity,
  blocked_streams_count: settings.qpackBlockedStreams,
  extended_connect: settings.enableConnectProtocol ? 1 : 0,
  h3_datagram: settings.h3Datagram ? 1 : 0,
});
