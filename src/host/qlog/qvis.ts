/**
 * The dialect that qvis loads: qlog 0.3 (draft-ietf-quic-qlog-main-schema-01, -quic-events-01, -h3-events-01) with the
 * namespaces of before, and lengths where qvis looks for them. It also has the members by which newer tools recognize a
 * file.
 */

import type { QlogEvent, RecordingOrigin } from "./event.ts";
import type { QlogObject } from "./values.ts";

/** Names that are not simply those of the newer schema in the namespace "transport". */
const NAMES: Readonly<Record<string, string>> = {
  "quic:connection_started": "connectivity:connection_started",
  "quic:connection_closed": "connectivity:connection_closed",
  "quic:connection_id_updated": "connectivity:connection_id_updated",
  "quic:connection_state_updated": "connectivity:connection_state_updated",
  "quic:mtu_updated": "connectivity:mtu_updated",
  "quic:tuple_assigned": "connectivity:path_assigned",
  "quic:migration_state_updated": "connectivity:path_updated",
  "quic:udp_datagram_dropped": "transport:datagrams_dropped",
  "quic:stream_data_moved": "transport:data_moved",
  "quic:datagram_data_moved": "transport:datagram_data_moved",
  "quic:key_updated": "security:key_updated",
  "quic:key_discarded": "security:key_retired",
  "quic:recovery_parameters_set": "recovery:parameters_set",
  "quic:recovery_metrics_updated": "recovery:metrics_updated",
  "quic:congestion_state_updated": "recovery:congestion_state_updated",
  "quic:ecn_state_updated": "recovery:ecn_state_updated",
  "quic:timer_updated": "recovery:loss_timer_updated",
  "quic:packet_lost": "recovery:packet_lost",
  "loglevel:info": "info:message",
  "loglevel:warning": "warning:message",
};

const nameOf = (name: string): string =>
  NAMES[name] ?? name.replace(/^quic:/, "transport:").replace(/^http3:/, "http:");

/** An endpoint's family, address and port. */
function endpointOf({ ip_v4, port_v4, ip_v6, port_v6 }: QlogObject): { family: string; ip: unknown; port: unknown } {
  return ip_v4 === undefined && ip_v6 !== undefined
    ? { family: "v6", ip: ip_v6, port: port_v6 }
    : { family: "v4", ip: ip_v4, port: port_v4 };
}

function dataOf({ name, data }: QlogEvent): QlogObject {
  switch (name) {
    case "quic:connection_started": {
      const [local, remote] = [endpointOf(data.local as QlogObject), endpointOf(data.remote as QlogObject)];
      return {
        ip_version: remote.family,
        src_ip: local.ip ?? "unknown",
        dst_ip: remote.ip,
        src_port: local.port ?? 0,
        dst_port: remote.port,
      };
    }
    case "quic:connection_closed": {
      const { initiator, connection_error, application_error, error_code, ...others } = data;
      return {
        owner: initiator,
        connection_code: connection_error === "unknown" ? error_code : connection_error,
        application_code: application_error === "unknown" ? error_code : application_error,
        ...others,
      };
    }
    case "quic:parameters_set": {
      const { initiator, max_udp_payload_size, ...others } = data;
      return { owner: initiator, max_packet_size: max_udp_payload_size, max_udp_payload_size, ...others };
    }
    case "quic:packet_sent":
    case "quic:packet_received":
      return {
        ...data,
        ...(data.frames === undefined ? {} : { frames: (data.frames as QlogObject[]).map(quicFrame) }),
      };
    case "quic:stream_data_moved":
      return { ...data, length: lengthOf(data) };
    case "quic:key_updated":
    case "quic:key_discarded": {
      const { key_phase, ...others } = data;
      return { ...others, generation: key_phase };
    }
    case "quic:tuple_assigned":
    case "quic:migration_state_updated": {
      const { tuple_id, ...others } = data;
      return { path_id: tuple_id, ...others };
    }
    case "quic:connection_id_updated":
    case "http3:parameters_set": {
      const { initiator, ...others } = data;
      return { owner: initiator, ...others };
    }
    case "http3:stream_type_set": {
      const { initiator, stream_type, ...others } = data;
      return { owner: initiator, new: stream_type === "request" ? "data" : stream_type, ...others };
    }
    case "http3:frame_created":
    case "http3:frame_parsed": {
      const length = lengthOf(data.frame as QlogObject);
      // qvis skips frames without `byte_length`.
      return { ...data, length, byte_length: length };
    }
    default:
      return data;
  }
}

const lengthOf = ({ raw }: QlogObject): unknown => (raw as QlogObject | undefined)?.payload_length;

function quicFrame(frame: QlogObject): QlogObject {
  switch (frame.frame_type) {
    case "stream":
    case "crypto":
      return { ...frame, length: lengthOf(frame) };
    case "ack":
      return {
        ...frame,
        acked_ranges: (frame.acked_ranges as number[][]).map(([from, to]) => [from, to ?? from]),
      };
    case "reset_stream":
    case "stop_sending":
    case "connection_close":
      return {
        ...frame,
        error_code: frame.error === "unknown" ? frame.error_code : frame.error,
        raw_error_code: frame.error_code,
      };
    case "unknown":
      return { frame_type: "unknown_frame_type", raw_frame_type: frame.frame_type_bytes };
    default:
      return frame;
  }
}

/** Both `header` and `event` return objects whose undefined members JSON omits. */
export const qvisDialect = {
  header: ({ originalDestination, role, startedAt }: RecordingOrigin): QlogObject => ({
    qlog_version: "0.3",
    qlog_format: "JSON-SEQ",
    file_schema: "urn:ietf:params:qlog:file:sequential",
    serialization_format: "application/qlog+json-seq",
    title: "nagare",
    trace: {
      vantage_point: { name: "nagare", type: role },
      common_fields: {
        ODCID: originalDestination,
        group_id: originalDestination,
        protocol_type: ["QUIC", "HTTP3"],
        time_format: "relative",
        reference_time: startedAt,
      },
    },
  }),
  event: (event: QlogEvent, time: number): QlogObject => ({
    time,
    name: nameOf(event.name),
    data: dataOf(event),
    path: event.tuple,
    group_id: event.group,
  }),
};
