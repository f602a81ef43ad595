/** Writes the frames of Multipath QUIC. It is the caller's job to make sure that a frame fits. */

import { assertNever } from "../../base/errors.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitAckFields, emitIdFields } from "../frame/index.ts";
import type { MultipathFrame } from "./frames.ts";
import { type CodePoints, rowOfType } from "./table.ts";

/** Writes any frame, with its number in these code points. */
export function emitMultipathFrame(writer: Writer, frame: MultipathFrame, points: CodePoints): void {
  const hasEcn = frame.type === "path-ack" && frame.ack.ecn !== undefined;
  writer.varint(rowOfType(frame.type).numbers[points] + (hasEcn ? 1 : 0));
  writer.varint("pathId" in frame ? frame.pathId : frame.maximum);
  switch (frame.type) {
    case "path-ack":
      emitAckFields(writer, frame.ack);
      break;
    case "path-abandon":
      writer.varint(frame.code);
      break;
    case "path-status-backup":
    case "path-status-available":
    case "path-retire-connection-id":
      writer.varint(frame.sequence);
      break;
    case "path-new-connection-id": {
      const { sequence, retirePriorTo, connectionId, resetToken } = frame.id;
      emitIdFields(writer, sequence, retirePriorTo, connectionId, resetToken);
      break;
    }
    case "path-cids-blocked":
      writer.varint(frame.nextSequence);
      break;
    case "max-path-id":
    case "paths-blocked":
      break;
    default:
      assertNever(frame);
  }
}
