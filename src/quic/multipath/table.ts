/**
 * The numbers of Multipath QUIC: one set of frames, two sets of code points. Peers of 2026 use those that IANA assigned;
 * older ones use the provisional numbers of draft 15. The three registries share digits but nothing else: 0x3e is a
 * frame type, a transport parameter and an error code.
 */

import type { MultipathFrameType } from "./frames.ts";

/** `rfc`: draft 21 and IANA. `draft15`: the provisional numbers of drafts 15 to 17. */
export type CodePoints = "rfc" | "draft15";

export interface MultipathFrameRow {
  readonly type: MultipathFrameType;
  /** As spelled in the draft; the `where` of errors. */
  readonly name: string;
  /** The first number of each set; PATH_ACK with ECN counts has the one after it. */
  readonly numbers: Readonly<Record<CodePoints, number>>;
}

const row = (type: MultipathFrameType, name: string, rfc: number, draft15: number): MultipathFrameRow => ({
  type,
  name,
  numbers: { rfc, draft15 },
});

/** All are legal in 1-RTT packets only, and all but PATH_ACK are ack-eliciting (§4). */
export const MULTIPATH_FRAMES: readonly MultipathFrameRow[] = [
  row("path-ack", "PATH_ACK", 0x3e, 0x15228c00),
  row("path-abandon", "PATH_ABANDON", 0x3e75, 0x15228c05),
  row("path-status-backup", "PATH_STATUS_BACKUP", 0x3e76, 0x15228c07),
  row("path-status-available", "PATH_STATUS_AVAILABLE", 0x3e77, 0x15228c08),
  row("path-new-connection-id", "PATH_NEW_CONNECTION_ID", 0x3e78, 0x15228c09),
  row("path-retire-connection-id", "PATH_RETIRE_CONNECTION_ID", 0x3e79, 0x15228c0a),
  row("max-path-id", "MAX_PATH_ID", 0x3e7a, 0x15228c0c),
  row("paths-blocked", "PATHS_BLOCKED", 0x3e7b, 0x15228c0d),
  row("path-cids-blocked", "PATH_CIDS_BLOCKED", 0x3e7c, 0x15228c0e),
];

/** Why a path was abandoned (§8.3): number and meaning. */
export const ABANDON_CODES = {
  NO_ERROR: [0x0, "no error"],
  APPLICATION_ABANDON_PATH: [0x3e, "the application no longer wants the path"],
  PATH_RESOURCE_LIMIT_REACHED: [0x3e75, "too few resources for another path"],
  PATH_UNSTABLE_OR_POOR: [0x3e76, "the path works badly or not at all"],
  NO_CID_AVAILABLE_FOR_PATH: [0x3e77, "no connection id is left for the path"],
} as const;

/** The largest path id: it is 32 bits of the nonce (§2.4). */
export const MAX_PATH_ID = 2 ** 32 - 1;

const byNumber: Readonly<Record<CodePoints, ReadonlyMap<number, MultipathFrameRow>>> = {
  rfc: index("rfc"),
  draft15: index("draft15"),
};

function index(points: CodePoints): ReadonlyMap<number, MultipathFrameRow> {
  const rows = new Map(MULTIPATH_FRAMES.map((frame) => [frame.numbers[points], frame]));
  const [ack] = MULTIPATH_FRAMES;
  return rows.set(ack!.numbers[points] + 1, ack!);
}

/** The row of a frame type number; undefined if it is no frame of Multipath QUIC in these code points. */
export const multipathRow = (number: number, points: CodePoints): MultipathFrameRow | undefined =>
  byNumber[points].get(number);

/** The row of a frame. */
export const rowOfType = (type: MultipathFrameType): MultipathFrameRow =>
  MULTIPATH_FRAMES.find((frame) => frame.type === type)!;
