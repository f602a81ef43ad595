/** The frames of Multipath QUIC as values (draft-ietf-quic-multipath-21 §4). `table.ts` has their numbers. */

import type { VarInt } from "../../wire/varint.ts";
import type { AckFrame, NewConnectionIdFrame } from "../frame/frames.ts";

export type MultipathFrame =
  /** §4.1: an ACK frame for the packet numbers of one path. */
  | { readonly type: "path-ack"; readonly pathId: number; readonly ack: AckFrame }
  /** §4.2. */
  | { readonly type: "path-abandon"; readonly pathId: number; readonly code: VarInt }
  /** §4.3: both share one run of sequence numbers per path; the largest counts. */
  | { readonly type: "path-status-backup"; readonly pathId: number; readonly sequence: number }
  | { readonly type: "path-status-available"; readonly pathId: number; readonly sequence: number }
  /** §4.4: a NEW_CONNECTION_ID frame for one path. */
  | { readonly type: "path-new-connection-id"; readonly pathId: number; readonly id: NewConnectionIdFrame }
  /** §4.5. */
  | { readonly type: "path-retire-connection-id"; readonly pathId: number; readonly sequence: number }
  /** §4.6: the largest path id that may be used towards the sender. */
  | { readonly type: "max-path-id"; readonly maximum: number }
  /** §4.7: the maximum that keeps the sender from opening a path. */
  | { readonly type: "paths-blocked"; readonly maximum: number }
  /** §4.7: the sequence number of the connection id that the sender waits for. */
  | { readonly type: "path-cids-blocked"; readonly pathId: number; readonly nextSequence: number };

export type MultipathFrameType = MultipathFrame["type"];
