/** The catalog of hang, moq-dev's media layer: JSON in a track named "catalog.json", with renditions of video and audio by their track's name. */

import { toBase64 } from "../../wire/base64.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import { CatalogError } from "./errors.ts";
import { compact, Fields, type Members, parseObject } from "./json.ts";
import { type Catalog, type CatalogTrack, MAX_CATALOG_TRACKS, MAX_INIT } from "./model.ts";

/** The name of the track. */
export const HANG_TRACK = "catalog.json";

/** A whole catalog. Throws a `CatalogError`. */
export function parseHang(bytes: Uint8Array): Catalog {
  const root = new Fields(parseObject(bytes), "catalog");
  const tracks = (["video", "audio"] as const).flatMap((kind) =>
    renditionsOf(root, kind).map(([name, config]) => readRendition(name, kind, config)),
  );
  if (tracks.length > MAX_CATALOG_TRACKS)
    throw new CatalogError("TOO_LARGE", "catalog", `${tracks.length} tracks, at most ${MAX_CATALOG_TRACKS} are read`);
  return { tracks };
}

/** By name; older catalogs have a list for video, and one rendition of audio. */
function renditionsOf(root: Fields, kind: "video" | "audio"): [name: string, config: Fields][] {
  const value = root.raw(kind);
  if (value === undefined) return [];
  const old = Array.isArray(value)
    ? value
    : kind === "audio" && new Fields(value, kind).has("track")
      ? [value]
      : undefined;
  if (old === undefined) {
    const renditions = new Fields(value, kind).object("renditions");
    const members = (renditions === undefined ? {} : new Fields(value, kind).raw("renditions")) as Members;
    const names = Object.keys(members);
    if (names.length > MAX_CATALOG_TRACKS)
      throw new CatalogError("TOO_LARGE", `${kind}.renditions`, `${names.length} tracks`);
    return names.map((name) => [name, new Fields(members[name], `${kind}.renditions.${name}`)]);
  }
  return old.slice(0, MAX_CATALOG_TRACKS + 1).map((each, i) => {
    const fields = new Fields(each, `${kind}[${i}]`);
    const name = fields.object("track")?.text("name");
    const config = fields.object("config");
    if (name === undefined || config === undefined)
      throw new CatalogError("MALFORMED", fields.where, "has to have a track and a config");
    return [name, config];
  });
}

function readRendition(name: string, kind: "video" | "audio", config: Fields): CatalogTrack {
  const codec = config.text("codec");
  if (codec === undefined) throw new CatalogError("MALFORMED", config.at("codec"), "is missing");
  const container = config.object("container");
  const packaging = container?.text("kind") ?? "legacy";
  return compact<CatalogTrack>({
    name,
    // Another broadcast, relative to this one.
    namespace: config.text("broadcast"),
    kind,
    packaging,
    // It has no word for the end of a track.
    isLive: true,
    codec,
    init: packaging === "cmaf" ? container?.base64("init") : undefined,
    description: descriptionOf(config),
    width: config.number("codedWidth"),
    height: config.number("codedHeight"),
    displayWidth: config.number("displayAspectWidth"),
    displayHeight: config.number("displayAspectHeight"),
    framerate: config.number("framerate"),
    sampleRate: config.number("sampleRate"),
    channels: config.number("numberOfChannels"),
    bitrate: config.number("bitrate"),
    jitter: config.number("jitter"),
  });
}

function descriptionOf(config: Fields): Uint8Array | undefined {
  const value = config.raw("description");
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length > 2 * MAX_INIT)
    throw new CatalogError("TOO_LARGE", config.at("description"), `more than ${MAX_INIT} bytes`);
  if (typeof value !== "string" || !/^(?:[0-9a-f]{2})*$/i.test(value))
    throw new CatalogError("MALFORMED", config.at("description"), "has to be hexadecimal");
  return fromHex(value);
}

/** Video and audio of a catalog; other tracks have no place in it. */
export function emitHang({ tracks }: Catalog): Uint8Array {
  const renditions = (kind: "video" | "audio"): Members | undefined => {
    const own = tracks.filter((track) => track.kind === kind);
    if (own.length === 0) return undefined;
    return { renditions: Object.fromEntries(own.map((track) => [track.name, writeRendition(track)])) };
  };
  return utf8(JSON.stringify(compact({ video: renditions("video"), audio: renditions("audio") })));
}

/** Integers, as readers of hang demand them. */
const whole = (value: number | undefined): number | undefined => (value === undefined ? undefined : Math.round(value));

function writeRendition(track: CatalogTrack): Members {
  const { kind, packaging, init } = track;
  const container = compact({
    kind: packaging,
    init: packaging === "cmaf" && init !== undefined ? toBase64(init) : undefined,
  });
  const common = {
    broadcast: track.namespace,
    codec: track.codec ?? "",
    container,
    description: track.description === undefined ? undefined : toHex(track.description),
    bitrate: whole(track.bitrate),
    jitter: whole(track.jitter),
  };
  if (kind === "audio")
    return compact({
      ...common,
      sampleRate: whole(track.sampleRate ?? 48_000),
      numberOfChannels: whole(track.channels ?? 2),
    });
  return compact({
    ...common,
    codedWidth: whole(track.width),
    codedHeight: whole(track.height),
    displayAspectWidth: whole(track.displayWidth),
    displayAspectHeight: whole(track.displayHeight),
    framerate: track.framerate,
  });
}
