/**
 * PSK binders (RFC 8446 §4.2.11.2): proof that the sender of a ClientHello knows the pre-shared key. A binder is a
 * Finished over the ClientHello up to the list of binders, which is always at the end.
 */

import type { HashName } from "../crypto/engine.ts";
import type { KeySchedule } from "./key-schedule.ts";
import type { Transcript } from "./transcript.ts";

/** The length of the list: a prefix of two bytes, and one byte for each binder. */
const lengthOfList = (binders: readonly Uint8Array[]): number =>
  binders.reduce((length, binder) => length + 1 + binder.length, 2);

/** The expected binder for the pre-shared key with this Early Secret. `message` is the ClientHello with all binders. */
export function computeBinder(
  schedule: KeySchedule,
  earlySecret: Uint8Array,
  hash: HashName,
  transcript: Transcript,
  message: Uint8Array,
  binders: readonly Uint8Array[],
): Uint8Array {
  const truncated = message.subarray(0, message.length - lengthOfList(binders));
  return schedule.verifyData(schedule.binderKey(earlySecret), transcript.digestWith(hash, truncated));
}
