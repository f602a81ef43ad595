/** Transport parameters in qlog (draft-ietf-quic-qlog-quic-events §4.9, §4.10). Tokens are omitted. */

import { PARAMETERS, type TransportParameters } from "../../quic/params/index.ts";
import { toHex } from "../../wire/hex.ts";
import { formatIpAddress } from "../../wire/ip-address.ts";
import { integer, milliseconds, type QlogObject } from "./values.ts";

/** Not in the schema, secret, or handled separately. */
const OMITTED: readonly string[] = [
  "stateless_reset_token",
  "version_information",
  "min_ack_delay",
  "reset_stream_at (draft 08)",
  "preferred_address",
];

export function parametersData(parameters: Partial<TransportParameters>): QlogObject {
  const data: Record<string, unknown> = {};
  for (const { name, wireName, type } of PARAMETERS) {
    const value = parameters[name];
    if (value === undefined || OMITTED.includes(wireName)) continue;
    if (value instanceof Uint8Array) data[wireName] = toHex(value);
    else if (typeof value === "number") data[wireName] = type === "millis" ? milliseconds(value) : integer(value);
    else data[wireName] = value;
  }
  const { preferredAddress } = parameters;
  if (preferredAddress !== undefined) {
    const { ipv4, ipv4Port, ipv6, ipv6Port, connectionId } = preferredAddress;
    data.preferred_address = {
      ip_v4: formatIpAddress(ipv4),
      port_v4: ipv4Port,
      ip_v6: formatIpAddress(ipv6),
      port_v6: ipv6Port,
      connection_id: toHex(connectionId),
      // Required, but secret.
      stateless_reset_token: "00".repeat(16),
    };
  }
  return data;
}

/** The parameters that a client remembers (RFC 9000 §7.4.1). */
const RESTORED: readonly string[] = [
  "disable_active_migration",
  "max_idle_timeout",
  "max_udp_payload_size",
  "active_connection_id_limit",
  "initial_max_data",
  "initial_max_stream_data_bidi_local",
  "initial_max_stream_data_bidi_remote",
  "initial_max_stream_data_uni",
  "initial_max_streams_bidi",
  "initial_max_streams_uni",
  "max_datagram_frame_size",
  "grease_quic_bit",
];

export const restoredParameters = (parameters: TransportParameters): QlogObject =>
  Object.fromEntries(Object.entries(parametersData(parameters)).filter(([name]) => RESTORED.includes(name)));
