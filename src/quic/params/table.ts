/**
 * The transport parameters of QUIC version 1 (RFC 9000 §18.2) and its extensions, one row each. Parser, emitter and defaults are derived
 * from this table.
 */

import { type Micros, micros } from "../../base/time.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";

/** A server's preferred address (RFC 9000 §18.2, Figure 22). An address family that it does not offer is all zeros. */
export interface PreferredAddress {
  readonly ipv4: Uint8Array;
  readonly ipv4Port: number;
  readonly ipv6: Uint8Array;
  readonly ipv6Port: number;
  readonly connectionId: Uint8Array;
  readonly statelessResetToken: Uint8Array;
}

/** The versions that one side uses and supports (RFC 9368 §3). */
export interface VersionInformation {
  /** The version in use, in the sender's view. */
  readonly chosen: number;
  /** A client's in order of preference; a server's in no order. May include reserved versions. */
  readonly available: readonly number[];
}

/** The parameters that one side sends; those it omits have their defaults. */
export interface TransportParameters {
  readonly originalDestinationConnectionId: Uint8Array | undefined;
  /** Zero means no idle timeout. */
  readonly maxIdleTimeout: Micros;
  readonly statelessResetToken: Uint8Array | undefined;
  readonly maxUdpPayloadSize: number;
  readonly initialMaxData: number;
  readonly initialMaxStreamDataBidiLocal: number;
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  readonly ackDelayExponent: number;
  readonly maxAckDelay: Micros;
  readonly disableActiveMigration: boolean;
  readonly preferredAddress: PreferredAddress | undefined;
  readonly activeConnectionIdLimit: number;
  readonly initialSourceConnectionId: Uint8Array | undefined;
  readonly retrySourceConnectionId: Uint8Array | undefined;
  /** RFC 9221 §3: the largest DATAGRAM frame to send to this side; zero if it takes none. */
  readonly maxDatagramFrameSize: number;
  readonly versionInformation: VersionInformation | undefined;
  /** RFC 9287: this side accepts packets whose QUIC Bit is 0. */
  readonly greaseQuicBit: boolean;
  /** draft-ietf-quic-ack-frequency §3: the smallest max_ack_delay to ask for; undefined if it takes no requests. */
  readonly minAckDelay: Micros | undefined;
  /** draft-ietf-quic-reliable-stream-reset §2: RESET_STREAM_AT may be sent to this side. */
  readonly resetStreamAt: boolean;
  /** The same, with the id of drafts up to 08. */
  readonly resetStreamAtDraft: boolean;
}

export type ParameterName = keyof TransportParameters;

/** The wire format of a value. "millis" is an integer of milliseconds on the wire, "micros" one of microseconds. */
export type ParameterType =
  | "integer"
  | "millis"
  | "micros"
  | "connection-id"
  | "reset-token"
  | "flag"
  | "preferred-address"
  | "versions";

export interface ParameterRow<Name extends ParameterName = ParameterName> {
  readonly id: number;
  readonly name: Name;
  /** As spelled in RFC 9000; the `where` of errors. */
  readonly wireName: string;
  readonly type: ParameterType;
  /** Who may send it. */
  readonly sender: "both" | "server";
  readonly default: TransportParameters[Name];
  /** Limits of integers, in wire units; -Infinity and Infinity if there is none. */
  readonly min: number;
  readonly max: number;
}

type Details = { readonly sender?: "server"; readonly min?: number; readonly max?: number };

const row = <Name extends ParameterName>(
  id: number,
  name: Name,
  wireName: string,
  type: ParameterType,
  defaultValue: TransportParameters[Name],
  { sender, min, max }: Details = {},
): ParameterRow<Name> => ({
  id,
  name,
  wireName,
  type,
  sender: sender ?? "both",
  default: defaultValue,
  min: min ?? Number.NEGATIVE_INFINITY,
  max: max ?? Number.POSITIVE_INFINITY,
});

const SERVER = { sender: "server" } as const;
/** RFC 9000 §4.6. */
const STREAMS = { max: 2 ** 60 } as const;
/** RFC 9000 §18.2: QUIC cannot work with less; the default is the maximum that UDP carries. */
const PAYLOAD = { min: MIN_DATAGRAM_SIZE } as const;

export const PARAMETERS: readonly ParameterRow[] = [
  row(
    0x00,
    "originalDestinationConnectionId",
    "original_destination_connection_id",
    "connection-id",
    undefined,
    SERVER,
  ),
  row(0x01, "maxIdleTimeout", "max_idle_timeout", "millis", micros(0)),
  row(0x02, "statelessResetToken", "stateless_reset_token", "reset-token", undefined, SERVER),
  row(0x03, "maxUdpPayloadSize", "max_udp_payload_size", "integer", 65_527, PAYLOAD),
  row(0x04, "initialMaxData", "initial_max_data", "integer", 0),
  row(0x05, "initialMaxStreamDataBidiLocal", "initial_max_stream_data_bidi_local", "integer", 0),
  row(0x06, "initialMaxStreamDataBidiRemote", "initial_max_stream_data_bidi_remote", "integer", 0),
  row(0x07, "initialMaxStreamDataUni", "initial_max_stream_data_uni", "integer", 0),
  row(0x08, "initialMaxStreamsBidi", "initial_max_streams_bidi", "integer", 0, STREAMS),
  row(0x09, "initialMaxStreamsUni", "initial_max_streams_uni", "integer", 0, STREAMS),
  row(0x0a, "ackDelayExponent", "ack_delay_exponent", "integer", 3, { max: 20 }),
  row(0x0b, "maxAckDelay", "max_ack_delay", "millis", micros(25_000), { max: 2 ** 14 - 1 }),
  row(0x0c, "disableActiveMigration", "disable_active_migration", "flag", false),
  row(0x0d, "preferredAddress", "preferred_address", "preferred-address", undefined, SERVER),
  row(0x0e, "activeConnectionIdLimit", "active_connection_id_limit", "integer", 2, { min: 2 }),
  row(0x0f, "initialSourceConnectionId", "initial_source_connection_id", "connection-id", undefined),
  row(0x10, "retrySourceConnectionId", "retry_source_connection_id", "connection-id", undefined, SERVER),
  row(0x11, "versionInformation", "version_information", "versions", undefined),
  row(0x1d, "resetStreamAt", "reset_stream_at", "flag", false),
  row(0x20, "maxDatagramFrameSize", "max_datagram_frame_size", "integer", 0),
  row(0x2ab2, "greaseQuicBit", "grease_quic_bit", "flag", false),
  row(0xff04de1b, "minAckDelay", "min_ack_delay", "micros", undefined),
  row(0x17f7586d2cb571, "resetStreamAtDraft", "reset_stream_at (draft 08)", "flag", false),
];

const rows = new Map(PARAMETERS.map((parameter) => [parameter.id, parameter]));

/** The row of an id; undefined for unknown ids. */
export const parameterRow = (id: number): ParameterRow | undefined => rows.get(id);

/** The values for a peer that sent no parameters. */
export const DEFAULT_TRANSPORT_PARAMETERS = Object.fromEntries(
  PARAMETERS.map((parameter) => [parameter.name, parameter.default]),
) as unknown as TransportParameters;
