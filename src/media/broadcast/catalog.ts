/** The catalog of a broadcast: MSF with CMAF (draft-ietf-moq-msf, draft-ietf-moq-cmsf), as far as publishing and watching need it. */

import { fromBase64, toBase64 } from "../../wire/base64.ts";
import { fromStrictUtf8, utf8 } from "../../wire/text.ts";
import type { Track } from "../bmff/index.ts";

/** The track with the catalog. */
export const CATALOG = "catalog";

/** A track that can be watched. */
export interface CatalogTrack {
  readonly name: string;
  readonly kind: "video" | "audio" | "other";
  readonly codec: string;
  /** The initialization segment. */
  readonly init: Uint8Array;
}

/** The catalog as JSON. Older readers find `initData` in the track, newer ones `initDataList`. */
export function emitCatalog(
  tracks: readonly (CatalogTrack & { readonly track: Track })[],
  generatedAt: number,
): Uint8Array {
  const initDataList = tracks.map(({ init }, index) => ({ id: String(index), type: "inline", data: toBase64(init) }));
  return utf8(
    JSON.stringify({
      version: 1,
      generatedAt,
      tracks: tracks.map(({ name, kind, codec, init, track }, index) => ({
        name,
        packaging: "cmaf",
        isLive: true,
        role: kind,
        renderGroup: 1,
        codec,
        mimeType: `${kind}/mp4`,
        timescale: track.timescale,
        ...(track.width === undefined ? {} : { width: track.width, height: track.height }),
        ...(track.sampleRate === undefined
          ? {}
          : { samplerate: track.sampleRate, channelConfig: String(track.channels ?? 1) }),
        initRef: String(index),
        initData: toBase64(init),
      })),
      initDataList,
    }),
  );
}

/** Characters of a catalog. */
const MAX_CATALOG = 8 * 1024 * 1024;
const MAX_TRACKS = 64;

/** Tracks of CMAF; undefined if it is no catalog. Unknown packagings are left out. */
export function parseCatalog(bytes: Uint8Array): readonly CatalogTrack[] | undefined {
  const text = bytes.length > MAX_CATALOG ? undefined : fromStrictUtf8(bytes);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { tracks, initDataList } = (value ?? {}) as { tracks?: unknown; initDataList?: unknown };
  if (!Array.isArray(tracks)) return undefined;
  return tracks.slice(0, MAX_TRACKS).flatMap((each) => trackOf(each, Array.isArray(initDataList) ? initDataList : []));
}

function trackOf(value: unknown, inits: readonly unknown[]): readonly CatalogTrack[] {
  const track = (value ?? {}) as Readonly<Record<string, unknown>>;
  const listed = inits.find((each) => (each as { id?: unknown } | null)?.id === track.initRef) as
    | { readonly data?: unknown }
    | undefined;
  const data = typeof track.initData === "string" ? track.initData : listed?.data;
  if (typeof track.name !== "string" || track.packaging !== "cmaf" || typeof data !== "string") return [];
  const init = fromBase64(data);
  if (init === undefined) return [];
  const codec = typeof track.codec === "string" ? track.codec : "";
  const kind = track.role === "video" || track.role === "audio" ? track.role : "other";
  return [{ name: track.name, kind, codec, init }];
}
