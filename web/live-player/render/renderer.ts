/** What plays one track. */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import type { Track } from "../../../src/media/bmff/index.ts";

/** Where playback is: a renderer follows it. */
export interface Pace {
  /** Seconds of the media; undefined before the first. */
  readonly position: number | undefined;
  /** 0 while waiting or paused. */
  readonly rate: number;
}

/** What a renderer did. */
export interface RenderStats {
  /** Frames of video shown, or blocks of sound played. */
  readonly shown: number;
  /** Frames that were decoded too late to be shown. */
  readonly dropped: number;
  /** Samples of sound that were missing when they were due; frames that a decoder refused. */
  readonly missing: number;
  /** Seconds of the media: the newest that was shown. */
  readonly position: number | undefined;
}

export interface Renderer {
  /** The track's decoder begins, or begins again. */
  configure(track: Track): void;
  push(fragment: AssembledFragment): void;
  /** The timeline has a hole: what comes next begins with a frame that stands alone. */
  skip(): void;
  /** Called for each frame of the page, and whenever the pace changes. */
  follow(pace: Pace): void;
  readonly stats: RenderStats;
  close(): void;
}

/** What a renderer tells its player. */
export interface RenderEvents {
  /** It cannot go on with this codec. */
  readonly onFailure: (message: string) => void;
}
