/**
 * What qvis expects of a file: the members of its header, its names of events, and the members that its loader and its
 * diagrams read. Other members are allowed, since it ignores them.
 */

import {
  anyOf,
  bool,
  type Check,
  float,
  isObject,
  kinds,
  listOf,
  oneOf,
  text,
  uint16,
  uint32,
  uint64,
} from "./checks.ts";

/** Only the named members are checked. Optional ones end in "?". */
const having =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    if (!isObject(value)) return [`${at} is not an object`];
    return Object.entries(members).flatMap(([key, check]) => {
      const name = key.replace(/\?$/, "");
      if (value[name] !== undefined) return check(value[name], `${at}.${name}`);
      return key === name ? [`${at} lacks ${name}`] : [];
    });
  };

const any = having({});
const side = oneOf("local", "remote");

const withLength = having({ offset: uint64, length: uint64 });
const range: Check = listOf(uint64, 2, 2);
const withError = having({ error_code: anyOf(text, uint64) });

const quicFrame = kinds("frame_type", {
  ...Object.fromEntries(
    [
      "padding",
      "ping",
      "new_token",
      "max_data",
      "max_stream_data",
      "max_streams",
      "data_blocked",
      "stream_data_blocked",
      "streams_blocked",
      "new_connection_id",
      "retire_connection_id",
      "path_challenge",
      "path_response",
      "handshake_done",
      "datagram",
      "unknown_frame_type",
    ].map((type) => [type, any]),
  ),
  ack: having({ acked_ranges: listOf(range, 1) }),
  crypto: withLength,
  stream: (value, at) => [...withLength(value, at), ...having({ stream_id: uint64, fin: bool })(value, at)],
  reset_stream: withError,
  reset_stream_at: any,
  stop_sending: withError,
  connection_close: withError,
});

const packet = having({
  header: having({
    packet_type: oneOf("initial", "handshake", "0RTT", "1RTT", "retry", "version_negotiation"),
    "packet_number?": uint64,
  }),
  "frames?": listOf(quicFrame),
  raw: having({ length: uint64 }),
});

const http3Frame = having({
  stream_id: uint64,
  frame: kinds("frame_type", {
    data: any,
    headers: having({ headers: listOf(having({ name: text })) }),
    settings: having({ settings: listOf(having({ name: text, value: uint64 })) }),
    goaway: any,
    max_push_id: any,
    reserved: any,
    unknown: any,
  }),
  "byte_length?": uint64,
});

const events: Readonly<Record<string, Check>> = {
  "connectivity:connection_started": having({
    ip_version: oneOf("v4", "v6"),
    src_ip: text,
    dst_ip: text,
    src_port: uint16,
    dst_port: uint16,
  }),
  "connectivity:connection_closed": any,
  "connectivity:connection_id_updated": having({ owner: side, new: text }),
  "connectivity:connection_state_updated": having({ new: text }),
  "connectivity:mtu_updated": having({ new: uint32 }),
  "connectivity:path_assigned": having({ path_id: text }),
  "connectivity:path_updated": having({ path_id: text }),
  "transport:version_information": any,
  "transport:alpn_information": any,
  "transport:parameters_set": having({ "owner?": side, "max_packet_size?": uint64, "initial_max_data?": uint64 }),
  "transport:parameters_restored": any,
  "transport:packet_sent": packet,
  "transport:packet_received": packet,
  "transport:packet_dropped": any,
  "transport:packet_buffered": any,
  "transport:datagrams_dropped": any,
  "transport:stream_state_updated": having({ stream_id: uint64, new: text }),
  "transport:data_moved": having({ stream_id: uint64, offset: uint64, length: uint64, from: text, to: text }),
  "transport:datagram_data_moved": any,
  "transport:connection_data_blocked_updated": having({ new: text }),
  "transport:stream_data_blocked_updated": having({ stream_id: uint64, new: text }),
  "transport:datagram_data_blocked_updated": having({ new: text }),
  "security:key_updated": having({ key_type: text }),
  "security:key_retired": having({ key_type: text }),
  "recovery:parameters_set": any,
  "recovery:metrics_updated": having({
    "min_rtt?": float,
    "smoothed_rtt?": float,
    "latest_rtt?": float,
    "congestion_window?": uint64,
    "bytes_in_flight?": uint64,
  }),
  "recovery:congestion_state_updated": having({ new: text }),
  "recovery:ecn_state_updated": having({ new: text }),
  "recovery:loss_timer_updated": having({
    timer_type: oneOf("ack", "pto"),
    event_type: oneOf("set", "expired", "cancelled"),
    "delta?": float,
  }),
  "transport:packets_acked": having({ packet_numbers: listOf(uint64, 1) }),
  "recovery:packet_lost": having({ header: having({ packet_type: text, packet_number: uint64 }) }),
  "http:parameters_set": having({ owner: side }),
  "http:parameters_restored": any,
  "http:stream_type_set": having({ stream_id: uint64, new: text }),
  "http:frame_created": http3Frame,
  "http:frame_parsed": http3Frame,
  "info:message": having({ message: text }),
  "warning:message": having({ message: text }),
};

export const event: Check = kinds(
  "name",
  Object.fromEntries(Object.entries(events).map(([name, data]) => [name, having({ time: float, name: text, data })])),
);

export const fileHeader: Check = having({
  qlog_version: oneOf("0.3"),
  qlog_format: oneOf("JSON-SEQ"),
  trace: having({
    vantage_point: having({ type: oneOf("client", "server") }),
    common_fields: having({ time_format: oneOf("relative"), reference_time: float }),
  }),
});
