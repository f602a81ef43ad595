/** Parses the frames of Multipath QUIC. Rejects only what is wrong in any state of a connection. */

import { WireError } from "../../base/errors.ts";
import { ENCRYPTION_LEVEL_NAMES, EncryptionLevel } from "../../tls/handshake.ts";
import type { Reader } from "../../wire/reader.ts";
import { transportError } from "../errors.ts";
import { longType, parseAckFields, parseIdFields } from "../frame/index.ts";
import type { MultipathFrame } from "./frames.ts";
import { type CodePoints, MAX_PATH_ID, type MultipathFrameRow, multipathRow } from "./table.ts";

/**
 * Parses the frame at the reader's position, in a packet of `level`. If it is no frame of Multipath QUIC, returns
 * undefined and leaves the reader where it was.
 */
export function parseMultipathFrame(
  reader: Reader,
  level: EncryptionLevel,
  points: CodePoints,
): MultipathFrame | undefined {
  const start = reader.position;
  const first = reader.peek();
  if (first === undefined) return undefined;
  const number = first < 0x40 ? reader.uint8() : longType(reader);
  const row = typeof number === "number" ? multipathRow(number, points) : undefined;
  if (row === undefined) {
    reader.position = start;
    return undefined;
  }
  // §4: in 1-RTT packets only.
  if (level !== EncryptionLevel.oneRtt) {
    throw transportError("PROTOCOL_VIOLATION", row.name, `is not allowed in ${ENCRYPTION_LEVEL_NAMES[level]} packets`);
  }
  try {
    return parseFields(reader, row, number !== row.numbers[points]);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw transportError("FRAME_ENCODING_ERROR", row.name, error.message);
  }
}

function parseFields(reader: Reader, { type, name }: MultipathFrameRow, hasEcn: boolean): MultipathFrame {
  // All frames begin with a path id; in MAX_PATH_ID and PATHS_BLOCKED it is a limit.
  const pathId = parsePathId(reader, name);
  switch (type) {
    case "path-ack":
      return { type, pathId, ack: parseAckFields(reader, name, hasEcn) };
    case "path-abandon":
      return { type, pathId, code: reader.varintExact() };
    case "path-status-backup":
    case "path-status-available":
    case "path-retire-connection-id":
      return { type, pathId, sequence: reader.varint() };
    case "path-new-connection-id":
      return { type, pathId, id: parseIdFields(reader, name) };
    case "max-path-id":
    case "paths-blocked":
      return { type, maximum: pathId };
    case "path-cids-blocked":
      return { type, pathId, nextSequence: reader.varint() };
  }
}

/** No limit of ours can allow more than 2^32-1, so that a larger one is a PROTOCOL_VIOLATION in every frame. */
function parsePathId(reader: Reader, name: string): number {
  const pathId = reader.varint();
  if (pathId > MAX_PATH_ID) throw transportError("PROTOCOL_VIOLATION", name, `path id ${pathId} is above 2^32-1`);
  return pathId;
}
