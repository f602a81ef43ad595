/** What one side of a session allows the other at its begin. Bytes and numbers of streams. */

export interface MuxLimits {
  readonly maxData: number;
  /** For streams that the side with these limits opens. */
  readonly maxStreamDataBidiLocal: number;
  /** For streams that the other side opens. */
  readonly maxStreamDataBidiRemote: number;
  readonly maxStreamDataUni: number;
  readonly maxStreamsBidi: number;
  readonly maxStreamsUni: number;
}

/** Ours, over every carrier. */
export const OWN_LIMITS: MuxLimits = {
  maxData: 2 << 20,
  maxStreamDataBidiLocal: 1 << 20,
  maxStreamDataBidiRemote: 1 << 20,
  maxStreamDataUni: 1 << 20,
  maxStreamsBidi: 256,
  maxStreamsUni: 256,
};
