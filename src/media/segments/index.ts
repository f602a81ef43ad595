/** Segments with a stream each: what Warp and the MoQ base draft have in common. */

export type { IncomingFragment, IncomingSegment, SegmentEvent } from "./incoming.ts";
export {
  type DroppedSegment,
  INIT_RANK,
  type SegmentBeginning,
  type SegmentFormat,
  type SegmentLabel,
  SegmentPublisher,
} from "./publisher.ts";
export { type ReceiverLimits, type ReceiverOptions, SegmentReceiver, type SegmentStart } from "./receiver.ts";
export { type RawFragment, readFragment, SegmentBoxes } from "./segment-boxes.ts";
export {
  type DropReason,
  type OutgoingSegment,
  type SegmentLimits,
  SegmentQueue,
  type SegmentQueueOptions,
  SHED,
} from "./segment-queue.ts";
export {
  SegmentSession,
  type SegmentSessionEvent,
  type SegmentSessionOptions,
  type SegmentStreamReader,
  type StreamError,
} from "./session.ts";
