/** Sample flags (ISO/IEC 14496-12 §8.8.3.1): 32 bits that say what depends on a sample. */

/** Set if the sample is no random access point. */
const IS_NON_SYNC = 0x0001_0000;

/** Depends on no other sample: what ffmpeg and CMAF write for a keyframe. */
export const SYNC_SAMPLE = 0x0200_0000;
/** Depends on others. */
export const NON_SYNC_SAMPLE: number = 0x0100_0000 | IS_NON_SYNC;

/** True if a decoder can begin with a sample of these flags. */
export const isSyncSample = (flags: number): boolean => (flags & IS_NON_SYNC) === 0;
