/** Values that several events of qlog share. */

import { type Check, hex, listOf, matching, object, oneOf, rule, text, uint16, uint64 } from "./checks.ts";

export const raw = object({ "length?": uint64, "payload_length?": uint64, "data?": hex() });
export const initiator = oneOf("local", "remote");
export const version = hex(4);
export const connectionId = hex();
export const resetToken = hex(16);

export const endpoint = object({
  "ip_v4?": text,
  "port_v4?": uint16,
  "ip_v6?": text,
  "port_v6?": uint16,
  "connection_ids?": listOf(connectionId, 1),
});

export const cryptoError = matching(/^crypto_error_0x1[0-9a-f]{2}$/);
export const transportError = oneOf(
  "no_error",
  "internal_error",
  "connection_refused",
  "flow_control_error",
  "stream_limit_error",
  "stream_state_error",
  "final_size_error",
  "frame_encoding_error",
  "transport_parameter_error",
  "connection_id_limit_error",
  "protocol_violation",
  "invalid_token",
  "application_error",
  "crypto_buffer_exceeded",
  "key_update_error",
  "aead_limit_reached",
  "no_viable_path",
  "unknown",
);
export const applicationError = oneOf(
  "unknown",
  ...[
    "no_error",
    "general_protocol_error",
    "internal_error",
    "stream_creation_error",
    "closed_critical_stream",
    "frame_unexpected",
    "frame_error",
    "excessive_load",
    "id_error",
    "settings_error",
    "missing_settings",
    "request_rejected",
    "request_cancelled",
    "request_incomplete",
    "early_response",
    "connect_error",
    "version_fallback",
  ].map((name) => `http_${name}`),
);
/** The number of an error is given exactly if it has no name. */
export const numberedIfUnknown = (...names: readonly string[]): Check =>
  rule("error_code is for unknown errors", (value) => {
    const isUnknown = names.some((name) => value[name] === "unknown");
    return isUnknown === (value.error_code !== undefined);
  });

export const frame = (type: string, members: Readonly<Record<string, Check>> = {}): readonly [string, Check] => [
  type,
  object({ frame_type: oneOf(type), ...members, "raw?": members.raw ?? raw }),
];
