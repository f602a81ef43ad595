/** A catalog, whatever format it has: the tracks of a broadcast, and what a player must know of them. */

/** Lengths in milliseconds, rates per second, sizes in pixels. */
export interface CatalogTrack {
  readonly name: string;
  /** Missing if it is the catalog's. */
  readonly namespace?: string;
  readonly kind: "video" | "audio" | "other";
  /** `cmaf`: a chunk in each object; `loc`: a frame; `legacy`: hang's, a timestamp and a frame. */
  readonly packaging: "cmaf" | "loc" | "legacy" | (string & {});
  /** `video`, `audio`, `caption` …; that of its kind by default. */
  readonly role?: string;
  readonly isLive: boolean;
  /** As RFC 6381 and WebCodecs spell it. */
  readonly codec?: string;
  /** A CMAF header. */
  readonly init?: Uint8Array;
  /** What WebCodecs calls the description, of frames without a container. */
  readonly description?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
  readonly framerate?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly timescale?: number;
  /** Bits per second at most. */
  readonly bitrate?: number;
  readonly language?: string;
  readonly label?: string;
  readonly targetLatency?: number;
  /** How long a frame may be late after the one before. */
  readonly jitter?: number;
  /** Tracks of a group are played together. */
  readonly renderGroup?: number;
  /** Tracks of a group are the same content in different renditions. */
  readonly altGroup?: number;
  /** Names of tracks that it needs. */
  readonly depends?: readonly string[];
}

/** What a broadcast has now. */
export interface Catalog {
  readonly tracks: readonly CatalogTrack[];
  /** Milliseconds since 1970. */
  readonly generatedAt?: number;
  /** True if nothing more will be published. */
  readonly isComplete?: boolean;
}

/** Bytes of a catalog, or of a change to one. */
export const MAX_CATALOG = 1024 * 1024;
/** Tracks of a catalog. */
export const MAX_CATALOG_TRACKS = 256;
/** Bytes of initialization data of one track. */
export const MAX_INIT = 64 * 1024;
/** Characters of a name and other text. */
export const MAX_TEXT = 4_096;
