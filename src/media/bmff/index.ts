/** ISO-BMFF framing of live CMAF. */

export {
  BOX_HEADER,
  type Box,
  boxesIn,
  childrenOf,
  type FullBox,
  findBox,
  readBox,
  readFullBox,
  requireBox,
} from "./box.ts";
export type { Codec } from "./codec.ts";
export { emitBox, emitFullBox, STYP, uint16, uint32, uint64 } from "./emit.ts";
export { emitFragment, type FragmentContent } from "./emit-fragment.ts";
export { emitAudioEntry, emitInit, emitVideoEntry, type InitTrack } from "./emit-init.ts";
export { BmffError, type BmffErrorCode } from "./errors.ts";
export {
  type EventMessage,
  emitEventMessage,
  emitReferenceTime,
  type ProducerReferenceTime,
  parseEventMessage,
  parseReferenceTime,
} from "./events.ts";
export {
  type Fragment,
  isSync,
  MAX_SAMPLES,
  parseFragment,
  presentationTime,
  type Sample,
  type TrackFragment,
} from "./fragment.ts";
export {
  type InitSegment,
  MAX_TRACKS,
  parseInitSegment,
  type SampleDefaults,
  type Track,
} from "./init-segment.ts";
export { type BmffLimits, BmffReader, type BmffReaderOptions } from "./reader.ts";
export { isSyncSample, NON_SYNC_SAMPLE, SYNC_SAMPLE } from "./sample-flags.ts";
