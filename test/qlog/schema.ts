/**
 * qlog as in draft-ietf-quic-qlog-main-schema, -quic-events and -h3-events (July 2026). Unlike the drafts, which allow
 * extensions, it allows no other events and members. It has only the events that the recordings could have.
 */

import {
  anyOf,
  bool,
  both,
  type Check,
  float,
  hex,
  kinds,
  listOf,
  matching,
  object,
  oneOf,
  rule,
  text,
  uint8,
  uint16,
  uint32,
  uint64,
} from "./checks.ts";

const raw = object({ "length?": uint64, "payload_length?": uint64, "data?": hex() });
const initiator = oneOf("local", "remote");
const version = hex(4);
const connectionId = hex();
const resetToken = hex(16);

const endpoint = object({
  "ip_v4?": text,
  "port_v4?": uint16,
  "ip_v6?": text,
  "port_v6?": uint16,
  "connection_ids?": listOf(connectionId, 1),
});

// ── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const cryptoError = matching(/^crypto_error_0x1[0-9a-f]{2}$/);
const transportError = oneOf(
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
const applicationError = oneOf(
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
const numberedIfUnknown = (...names: readonly string[]): Check =>
  rule("error_code is for unknown errors", (value) => {
    const isUnknown = names.some((name) => value[name] === "unknown");
    return isUnknown === (value.error_code !== undefined);
  });

// ── Frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const token = object({ "type?": oneOf("retry", "resumption"), "raw?": raw });
const streamType = oneOf("unidirectional", "bidirectional");
const pathData = object({ frame_type: text, "data?": hex(8), "raw?": raw });

const frame = (type: string, members: Readonly<Record<string, Check>> = {}): readonly [string, Check] => [
  type,
  object({ frame_type: oneOf(type), ...members, "raw?": members.raw ?? raw }),
];

const reset = { stream_id: uint64, error: applicationError, "error_code?": uint64 };

const quicFrame = kinds(
  "frame_type",
  Object.fromEntries([
    frame("padding"),
    frame("ping"),
    frame("ack", {
      "ack_delay?": float,
      "acked_ranges?": listOf(listOf(uint64, 1, 2), 1),
      "ect1?": uint64,
      "ect0?": uint64,
      "ce?": uint64,
    }),
    frame("reset_stream", { ...reset, final_size: uint64 }),
    frame("reset_stream_at", { ...reset, final_size: uint64, reliable_size: uint64 }),
    frame("stop_sending", reset),
    ["crypto", object({ frame_type: text, offset: uint64, raw })],
    frame("new_token", { token }),
    frame("stream", { stream_id: uint64, "offset?": uint64, "fin?": bool }),
    frame("max_data", { maximum: uint64 }),
    frame("max_stream_data", { stream_id: uint64, maximum: uint64 }),
    frame("max_streams", { stream_type: streamType, maximum: uint64 }),
    frame("data_blocked", { limit: uint64 }),
    frame("stream_data_blocked", { stream_id: uint64, limit: uint64 }),
    frame("streams_blocked", { stream_type: streamType, limit: uint64 }),
    frame("new_connection_id", {
      sequence_number: uint64,
      retire_prior_to: uint64,
      "connection_id_length?": uint8,
      connection_id: connectionId,
      "stateless_reset_token?": resetToken,
    }),
    frame("retire_connection_id", { sequence_number: uint64 }),
    ["path_challenge", pathData],
    ["path_response", pathData],
    [
      "connection_close",
      both(
        object({
          frame_type: text,
          "error_space?": oneOf("transport", "application"),
          "error?": anyOf(transportError, cryptoError, applicationError),
          "error_code?": uint64,
          "reason?": text,
          "reason_bytes?": hex(),
          "trigger_frame_type?": anyOf(uint64, text),
          "raw?": raw,
        }),
        numberedIfUnknown("error"),
        rule(
          "trigger_frame_type is for transport errors",
          (value) => value.trigger_frame_type === undefined || value.error_space === "transport",
        ),
      ),
    ],
    frame("handshake_done"),
    frame("unknown", { frame_type_bytes: uint64 }),
    frame("datagram"),
  ]),
);

// ── Packets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const NUMBERED = ["initial", "handshake", "0RTT", "1RTT"];

const header = both(
  object({
    packet_type: oneOf(...NUMBERED, "retry", "version_negotiation", "stateless_reset", "unknown"),
    "packet_type_bytes?": uint64,
    "spin_bit?": bool,
    "key_phase?": uint64,
    "key_phase_bit?": bool,
    "packet_number_length?": uint8,
    "packet_number?": uint64,
    "token?": token,
    "length?": uint16,
    "version?": version,
    "scil?": uint8,
    "dcil?": uint8,
    "scid?": connectionId,
    "dcid?": connectionId,
  }),
  rule(
    "only packets with a number have one",
    ({ packet_type, packet_number }) => packet_number === undefined || NUMBERED.includes(packet_type as string),
  ),
  rule(
    "only 1-RTT packets have a key phase",
    ({ packet_type, key_phase, key_phase_bit }) =>
      packet_type === "1RTT" || (key_phase === undefined && key_phase_bit === undefined),
  ),
  rule(
    "only Initial and Retry packets have a token",
    ({ packet_type, token: given }) => given === undefined || packet_type === "initial" || packet_type === "retry",
  ),
  rule("lengths match their ids", ({ scil, scid, dcil, dcid }) =>
    [
      [scil, scid],
      [dcil, dcid],
    ].every(([length, id]) => length === undefined || (id as string).length === 2 * (length as number)),
  ),
);

const packet = {
  header,
  "frames?": listOf(quicFrame),
  "stateless_reset_token?": resetToken,
  "supported_versions?": listOf(version, 1),
  "raw?": raw,
  "datagram_payload_checksum?": uint32,
};

const numberedPacket = rule("packets with a number have it, and frames", ({ header: given, frames }) => {
  const { packet_type, packet_number } = given as { packet_type: string; packet_number?: unknown };
  return !NUMBERED.includes(packet_type) || (packet_number !== undefined && frames !== undefined);
});

// ── Parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────

const remembered = {
  "disable_active_migration?": bool,
  "max_idle_timeout?": uint64,
  "max_udp_payload_size?": uint64,
  "active_connection_id_limit?": uint64,
  "initial_max_data?": uint64,
  "initial_max_stream_data_bidi_local?": uint64,
  "initial_max_stream_data_bidi_remote?": uint64,
  "initial_max_stream_data_uni?": uint64,
  "initial_max_streams_bidi?": uint64,
  "initial_max_streams_uni?": uint64,
  "max_datagram_frame_size?": uint64,
  "grease_quic_bit?": bool,
};

const alpn = object({ "byte_value?": hex(), "string_value?": text });
const tupleId = text;
const space = oneOf("initial", "handshake", "application_data");
const blocked = oneOf("blocked", "unblocked");
const location = oneOf("application", "transport", "network");
const keyTrigger = oneOf("tls", "remote_update", "local_update");
const keyType = oneOf(
  ...["initial", "handshake", "0rtt", "1rtt"].flatMap((level) => [`server_${level}_secret`, `client_${level}_secret`]),
);
const connectionState = oneOf(
  "attempted",
  "handshake_started",
  "handshake_complete",
  "closed",
  "peer_validated",
  "early_write",
  "handshake_confirmed",
  "closing",
  "draining",
);
const streamState = oneOf(
  "idle",
  "open",
  "closed",
  "half_closed_local",
  "half_closed_remote",
  "ready",
  "send",
  "data_sent",
  "reset_sent",
  "reset_received",
  "receive",
  "size_known",
  "data_read",
  "reset_read",
  "data_received",
  "destroyed",
);
const migrationState = oneOf(
  "probing_started",
  "probing_abandoned",
  "probing_successful",
  "migration_started",
  "migration_abandoned",
  "migration_complete",
);
const ecnState = oneOf("testing", "unknown", "failed", "capable");

const quicEvents: Readonly<Record<string, Check>> = {
  connection_started: object({ local: endpoint, remote: endpoint }),
  connection_closed: both(
    object({
      "initiator?": initiator,
      "connection_error?": anyOf(transportError, cryptoError),
      "application_error?": applicationError,
      "error_code?": uint64,
      "internal_code?": uint64,
      "reason?": text,
      "trigger?": oneOf(
        "idle_timeout",
        "application",
        "error",
        "version_mismatch",
        "stateless_reset",
        "aborted",
        "unspecified",
      ),
    }),
    numberedIfUnknown("connection_error", "application_error"),
  ),
  connection_id_updated: object({ initiator, "old?": connectionId, "new?": connectionId }),
  spin_bit_updated: object({ state: bool }),
  connection_state_updated: object({ "old?": connectionState, new: connectionState }),
  tuple_assigned: object({ tuple_id: tupleId, "tuple_remote?": endpoint, "tuple_local?": endpoint }),
  mtu_updated: object({ "old?": uint32, new: uint32, "done?": bool }),
  version_information: object({
    "server_versions?": listOf(version, 1),
    "client_versions?": listOf(version, 1),
    "chosen_version?": version,
  }),
  alpn_information: object({ "server_alpns?": listOf(alpn), "client_alpns?": listOf(alpn), "chosen_alpn?": alpn }),
  parameters_set: object({
    "initiator?": initiator,
    "resumption_allowed?": bool,
    "early_data_enabled?": bool,
    "tls_cipher?": text,
    "original_destination_connection_id?": connectionId,
    "initial_source_connection_id?": connectionId,
    "retry_source_connection_id?": connectionId,
    "stateless_reset_token?": resetToken,
    ...remembered,
    "ack_delay_exponent?": uint64,
    "max_ack_delay?": uint64,
    "preferred_address?": object({
      "ip_v4?": text,
      "port_v4?": uint16,
      "ip_v6?": text,
      "port_v6?": uint16,
      connection_id: connectionId,
      stateless_reset_token: resetToken,
    }),
    "unknown_parameters?": listOf(object({ id: uint64, "value?": hex() })),
    "reset_stream_at?": bool,
  }),
  parameters_restored: object(remembered),
  packet_sent: both(
    object({
      ...packet,
      "is_mtu_probe_packet?": bool,
      "trigger?": oneOf(
        "retransmit_reordered",
        "retransmit_timeout",
        "pto_probe",
        "retransmit_crypto",
        "cc_bandwidth_probe",
      ),
    }),
    numberedPacket,
  ),
  packet_received: both(object({ ...packet, "trigger?": oneOf("keys_available") }), numberedPacket),
  packet_dropped: object({
    "header?": header,
    "raw?": raw,
    "datagram_payload_checksum?": uint32,
    "trigger?": oneOf(
      "internal_error",
      "rejected",
      "unsupported",
      "invalid",
      "duplicate",
      "connection_unknown",
      "decryption_failure",
      "key_unavailable",
      "general",
    ),
  }),
  packet_buffered: object({
    "header?": header,
    "raw?": raw,
    "datagram_payload_checksum?": uint32,
    "trigger?": oneOf("backpressure", "keys_unavailable"),
  }),
  packets_acked: object({ "packet_number_space?": space, "packet_numbers?": listOf(uint64, 1) }),
  udp_datagram_dropped: object({ "raw?": raw }),
  stream_state_updated: object({
    stream_id: uint64,
    "stream_type?": streamType,
    "old?": streamState,
    new: streamState,
    stream_side: oneOf("sending", "receiving"),
    "trigger?": initiator,
  }),
  stream_data_moved: object({
    "stream_id?": uint64,
    "offset?": uint64,
    "from?": location,
    "to?": location,
    "additional_info?": oneOf("fin_set", "stream_reset"),
    "raw?": raw,
  }),
  datagram_data_moved: object({ "from?": location, "to?": location, "raw?": raw }),
  connection_data_blocked_updated: object({ "old?": blocked, new: blocked, "reason?": text }),
  migration_state_updated: object({
    "old?": migrationState,
    new: migrationState,
    "tuple_id?": tupleId,
    "tuple_remote?": endpoint,
    "tuple_local?": endpoint,
  }),
  timer_updated: object({
    "timer_type?": oneOf("ack", "pto", "loss_timeout", "path_validation", "handshake_timeout", "idle_timeout"),
    "timer_id?": uint64,
    "packet_number_space?": space,
    event_type: oneOf("set", "expired", "cancelled"),
    "delta?": float,
  }),
  // The drafts allow the values of keys. A recording must not have them.
  key_updated: object({ key_type: keyType, "key_phase?": uint64, "trigger?": keyTrigger }),
  key_discarded: object({ key_type: keyType, "key_phase?": uint64, "trigger?": keyTrigger }),
  recovery_parameters_set: object({
    "reordering_threshold?": uint16,
    "time_threshold?": float,
    timer_granularity: uint16,
    "initial_rtt?": float,
    "max_datagram_size?": uint32,
    "initial_congestion_window?": uint64,
    "minimum_congestion_window?": uint64,
    "loss_reduction_factor?": float,
    "persistent_congestion_threshold?": uint16,
  }),
  recovery_metrics_updated: both(
    object({
      "min_rtt?": float,
      "smoothed_rtt?": float,
      "latest_rtt?": float,
      "rtt_variance?": float,
      "pto_count?": uint16,
      "congestion_window?": uint64,
      "bytes_in_flight?": uint64,
      "ssthresh?": uint64,
      "packets_in_flight?": uint64,
      "pacing_rate?": uint64,
    }),
    rule("something has changed", (value) => Object.keys(value).length > 0),
  ),
  congestion_state_updated: object({ "old?": text, new: text, "trigger?": text }),
  packet_lost: object({
    "header?": header,
    "frames?": listOf(quicFrame),
    "is_mtu_probe_packet?": bool,
    "trigger?": oneOf("reordering_threshold", "time_threshold", "pto_expired"),
  }),
  marked_for_retransmit: object({ frames: listOf(quicFrame, 1) }),
  ecn_state_updated: object({ "old?": ecnState, new: ecnState }),
};

// ── HTTP/3 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

const http3Events: Readonly<Record<string, Check>> = {
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

const loglevelEvents: Readonly<Record<string, Check>> = {
  error: object({ "code?": uint64, "message?": text }),
  warning: object({ "code?": uint64, "message?": text }),
  info: object({ message: text }),
  debug: object({ message: text }),
  verbose: object({ message: text }),
};

const inNamespace = (namespace: string, events: Readonly<Record<string, Check>>): [string, Check][] =>
  Object.entries(events).map(([name, data]) => [
    `${namespace}:${name}`,
    object({ time: float, name: text, data, "tuple?": tupleId }),
  ]);

/** A record after the first. */
export const event: Check = kinds(
  "name",
  Object.fromEntries([
    ...inNamespace("quic", quicEvents),
    ...inNamespace("http3", http3Events),
    ...inNamespace("loglevel", loglevelEvents),
  ]),
);

const date = matching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

/** The first record. */
export const fileHeader: Check = object({
  file_schema: oneOf("urn:ietf:params:qlog:file:sequential"),
  serialization_format: oneOf("application/qlog+json-seq"),
  "title?": text,
  "description?": text,
  trace: object({
    "title?": text,
    "description?": text,
    event_schemas: listOf(matching(/^urn:ietf:params:qlog:events:(?:quic-\d\d|http3-\d\d|loglevel)$/), 1),
    vantage_point: object({ "name?": text, type: oneOf("client", "server") }),
    common_fields: object({
      group_id: hex(),
      time_format: oneOf("relative_to_epoch"),
      reference_time: both(
        object({
          clock_type: oneOf("system", "monotonic"),
          epoch: anyOf(date, oneOf("unknown")),
          "wall_clock_time?": date,
        }),
        rule(
          "a monotonic clock has no epoch",
          ({ clock_type, epoch }) => clock_type !== "monotonic" || epoch === "unknown",
        ),
      ),
    }),
  }),
});
