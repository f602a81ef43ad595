/** The events of HTTP/3 (draft-ietf-quic-qlog-h3-events), without the namespace. */

import { bool, both, type Check, hex, kinds, listOf, object, oneOf, rule, text, uint16, uint64 } from "./checks.ts";
import { frame, initiator } from "./values-schema.ts";

const field = both(
  object({ "name?": text, "name_bytes?": hex(), "value?": text, "value_bytes?": hex() }),
  rule("has one name and one value", (value) => {
    const count = (a: string, b: string) => Number(value[a] !== undefined) + Number(value[b] !== undefined);
    return count("name", "name_bytes") === 1 && count("value", "value_bytes") === 1;
  }),
);
const setting = both(
  object({
    "name?": oneOf(
      "settings_qpack_max_table_capacity",
      "settings_max_field_section_size",
      "settings_qpack_blocked_streams",
      "settings_enable_connect_protocol",
      "settings_h3_datagram",
      "reserved",
      "unknown",
    ),
    "name_bytes?": uint64,
    value: uint64,
  }),
  rule(
    "name_bytes is for unknown settings",
    ({ name, name_bytes }) => (name === "unknown") === (name_bytes !== undefined),
  ),
);
const http3Frame = kinds(
  "frame_type",
  Object.fromEntries([
    frame("data"),
    frame("headers", { headers: listOf(field) }),
    frame("cancel_push", { push_id: uint64 }),
    frame("settings", { settings: listOf(setting) }),
    frame("push_promise", { push_id: uint64, headers: listOf(field) }),
    frame("goaway", { id: uint64 }),
    frame("max_push_id", { push_id: uint64 }),
    frame("reserved", { frame_type_bytes: uint64 }),
    frame("unknown", { frame_type_bytes: uint64 }),
    frame("priority_update", { "stream_id?": uint64, "push_id?": uint64, priority_field_value: text }),
  ]),
);
const parameters = {
  "max_field_section_size?": uint64,
  "max_table_capacity?": uint64,
  "blocked_streams_count?": uint64,
  "extended_connect?": uint16,
  "h3_datagram?": uint16,
};
const onStream = object({ stream_id: uint64, frame: http3Frame });

export const http3Events: Readonly<Record<string, Check>> = {
  parameters_set: object({ "initiator?": initiator, ...parameters, "waits_for_settings?": bool }),
  parameters_restored: object(parameters),
  stream_type_set: both(
    object({
      "initiator?": initiator,
      stream_id: uint64,
      stream_type: oneOf("request", "control", "push", "reserved", "unknown", "qpack_encode", "qpack_decode"),
      "stream_type_bytes?": uint64,
      "associated_push_id?": uint64,
    }),
    rule(
      "stream_type_bytes is for unknown types",
      ({ stream_type, stream_type_bytes }) => stream_type_bytes === undefined || stream_type === "unknown",
    ),
  ),
  frame_created: onStream,
  frame_parsed: onStream,
};
