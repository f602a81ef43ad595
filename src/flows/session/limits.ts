/** Limits of a session, and the sizes that follow from the layout. */

import { millis, seconds } from "../../base/time.ts";
import { HEADER_LENGTH } from "../packet/layout.ts";
import { UnitType } from "../packet/types.ts";

export const STATELESS_DATAGRAM_HEADER = HEADER_LENGTH[UnitType.statelessDatagram]!;
export const STATEFUL_DATAGRAM_HEADER = HEADER_LENGTH[UnitType.statefulDatagram]!;
export const STATELESS_STREAM_HEADER = HEADER_LENGTH[UnitType.statelessStream]!;
export const STATEFUL_STREAM_HEADER = HEADER_LENGTH[UnitType.statefulStream]!;

/** Bytes of the largest packet, where the channel does not say. */
export const DEFAULT_PACKET_SIZE = 1_200;
/** Flows that a peer may have open. */
export const MAX_FLOWS = 1_024;
/** Bytes of incomplete messages, or of an unread stream, that one flow may hold. */
export const MAX_FLOW_MEMORY = 1_048_576;
/** Bytes that one flow of ours may hold until they are acknowledged. */
export const MAX_SEND_BUFFER = 1_048_576;
/** Bytes of a stream that may be on the way. */
export const STREAM_WINDOW = 524_288;
/** Unread bytes of a stream at which its sender is asked to wait, and to go on. */
export const PAUSE_AT = 262_144;
export const RESUME_AT = 131_072;
/** Between two reports of resources, unless they change by a fifth. */
export const REPORT_INTERVAL = millis(100);
/** The least time before a packet counts as lost for lack of an answer. */
export const MIN_RETRANSMISSION_TIMEOUT = millis(20);
export const MAX_RETRANSMISSION_TIMEOUT = seconds(2);
/** A packet is sent after this much silence while there are flows. */
export const KEEPALIVE_INTERVAL = seconds(5);
/** Without a packet from the peer for this long, the session is over. */
export const DEFAULT_IDLE_TIMEOUT = seconds(30);
