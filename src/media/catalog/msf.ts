/**
 * The catalog of MSF (draft-ietf-moq-msf, before that WARP): JSON in a track named "catalog", complete in the first object of a group and
 * changed by the following ones. CMSF adds the packaging `cmaf`.
 */

import { toBase64 } from "../../wire/base64.ts";
import { utf8 } from "../../wire/text.ts";
import { CatalogError } from "./errors.ts";
import { arrayOf, compact, Fields, type Members, parseObject } from "./json.ts";
import { type Catalog, type CatalogTrack, MAX_CATALOG_TRACKS } from "./model.ts";

/** The name of the track. Some publishers call it `.catalog`. */
export const MSF_TRACK = "catalog";
/** What is written: the newest version whose form is published. */
const VERSION = "draft-01";
/** Changes in one object. */
const MAX_OPERATIONS = 256;
/** Each name of a track once, beside its namespace. */
const keyOf = (namespace: unknown, name: unknown): string => JSON.stringify([namespace ?? "", name]);

/** Objects of a catalog's track, in order: each gives the catalog as it is then. */
export class MsfReader {
  /** As JSON has them, so that a clone keeps what is not known here. */
  #tracks: Map<string, Members> | undefined;
  #inits = new Map<string, Members>();
  #rest: Pick<Catalog, "generatedAt" | "isComplete"> = {};

  /** A whole catalog, or a change of the one before. Throws a `CatalogError`, and keeps what was there. */
  push(bytes: Uint8Array): Catalog {
    const root = new Fields(parseObject(bytes), "catalog");
    const operations = root.array("deltaUpdate", MAX_OPERATIONS);
    if (operations === undefined) checkVersion(root);
    else if (this.#tracks === undefined)
      throw new CatalogError("DELTA", "catalog", "a change without a catalog before it");
    const tracks = operations === undefined ? new Map<string, Members>() : new Map(this.#tracks);
    const inits = new Map(operations === undefined ? [] : this.#inits);
    if (operations === undefined) {
      for (const [i, track] of (root.array("tracks", MAX_CATALOG_TRACKS) ?? []).entries())
        add(tracks, new Fields(track, `tracks[${i}]`), track as Members);
    }
    for (const [i, value] of (root.array("initDataList", MAX_CATALOG_TRACKS) ?? []).entries()) {
      const entry = new Fields(value, `initDataList[${i}]`);
      inits.set(entry.text("id") ?? "", value as Members);
    }
    for (const [i, operation] of (operations ?? []).entries()) apply(tracks, operation, `deltaUpdate[${i}]`);
    if (tracks.size > MAX_CATALOG_TRACKS || inits.size > MAX_CATALOG_TRACKS)
      throw new CatalogError("TOO_LARGE", "catalog", `more than ${MAX_CATALOG_TRACKS} tracks`);
    const rest = {
      ...(operations === undefined ? {} : this.#rest),
      ...compact<Pick<Catalog, "generatedAt" | "isComplete">>({
        generatedAt: root.number("generatedAt"),
        isComplete: root.boolean("isComplete"),
      }),
    };
    const catalog = {
      tracks: [...tracks.values()].map((track, i) => readTrack(track, `tracks[${i}]`, inits)),
      ...rest,
    };
    this.#tracks = tracks;
    this.#inits = inits;
    this.#rest = rest;
    return catalog;
  }
}

/** A whole catalog. Throws a `CatalogError`. */
export const parseMsf = (bytes: Uint8Array): Catalog => new MsfReader().push(bytes);

function checkVersion(root: Fields): void {
  const version = root.raw("version");
  // The first draft had a number.
  if (version === 1 || version === "1" || (typeof version === "string" && /^draft-\d{2}$/.test(version))) return;
  const shown = version === undefined ? "no version" : `the version ${JSON.stringify(version).slice(0, 40)}`;
  throw new CatalogError("VERSION", "catalog.version", `${shown}; 1 and draft-NN are read`);
}

function add(tracks: Map<string, Members>, fields: Fields, track: Members): void {
  const name = fields.text("name");
  if (name === undefined) throw new CatalogError("MALFORMED", fields.at("name"), "is missing");
  const key = keyOf(fields.text("namespace"), name);
  if (tracks.has(key)) throw new CatalogError("MALFORMED", fields.at("name"), `${JSON.stringify(name)} is there twice`);
  tracks.set(key, track);
}

function apply(tracks: Map<string, Members>, operation: unknown, where: string): void {
  const fields = new Fields(operation, where);
  const op = fields.text("op");
  for (const [i, value] of arrayOf(fields.raw("tracks"), fields.at("tracks"), MAX_CATALOG_TRACKS).entries()) {
    const track = new Fields(value, `${where}.tracks[${i}]`);
    const members = value as Members;
    const parent = (): [key: string, members: Members] => {
      // Publishers name the track itself in an update.
      const name = track.text("parentName") ?? (op === "update" ? track.text("name") : undefined);
      const key = keyOf(track.text("parentNamespace") ?? track.text("namespace"), name);
      const known = tracks.get(key);
      if (known === undefined) throw new CatalogError("DELTA", track.where, `no track ${JSON.stringify(name)}`);
      return [key, known];
    };
    const { parentName: _, parentNamespace: __, ...own } = members;
    switch (op) {
      case "add":
        add(tracks, track, members);
        break;
      case "remove":
        if (!tracks.delete(keyOf(track.text("namespace"), track.text("name"))))
          throw new CatalogError("DELTA", track.where, `no track ${JSON.stringify(track.text("name"))}`);
        break;
      case "clone": {
        const clone = { ...parent()[1], ...own };
        add(tracks, track, clone);
        break;
      }
      case "update": {
        const [key, known] = parent();
        tracks.set(key, { ...known, ...own, name: known.name });
        break;
      }
      default:
        throw new CatalogError("MALFORMED", fields.at("op"), "has to be add, remove, clone or update");
    }
    if (tracks.size > MAX_CATALOG_TRACKS)
      throw new CatalogError("TOO_LARGE", where, `more than ${MAX_CATALOG_TRACKS} tracks`);
  }
}

/** Roles that tell what is in a track that has neither size nor sampling rate. */
const KINDS: Readonly<Record<string, CatalogTrack["kind"]>> = {
  video: "video",
  signlanguage: "video",
  audio: "audio",
  audiodescription: "audio",
};

function kindOf(track: Fields): CatalogTrack["kind"] {
  const known = KINDS[track.text("role") ?? ""];
  if (known !== undefined) return known;
  if (track.has("samplerate") || track.has("channelConfig")) return "audio";
  if (track.has("width") || track.has("height")) return "video";
  return "other";
}

function readTrack(value: Members, where: string, inits: ReadonlyMap<string, Members>): CatalogTrack {
  const track = new Fields(value, where);
  const name = track.text("name");
  if (name === undefined) throw new CatalogError("MALFORMED", track.at("name"), "is missing");
  const packaging = track.text("packaging") ?? "loc";
  const data = initOf(track, inits);
  return compact<CatalogTrack>({
    name,
    namespace: track.text("namespace"),
    kind: kindOf(track),
    packaging,
    role: track.text("role"),
    isLive: track.boolean("isLive") ?? false,
    codec: track.text("codec"),
    init: packaging === "cmaf" ? data : undefined,
    description: packaging === "cmaf" ? undefined : data,
    width: track.number("width"),
    height: track.number("height"),
    displayWidth: track.number("displayWidth"),
    displayHeight: track.number("displayHeight"),
    framerate: track.number("framerate"),
    sampleRate: track.number("samplerate"),
    channels: channelsOf(track),
    timescale: track.number("timescale"),
    bitrate: track.number("bitrate"),
    language: track.text("lang"),
    label: track.text("label"),
    targetLatency: track.number("targetLatency"),
    jitter: track.number("jitter"),
    renderGroup: track.number("renderGroup"),
    altGroup: track.number("altGroup"),
    depends: track.array("depends", MAX_CATALOG_TRACKS)?.filter((each) => typeof each === "string"),
  });
}

/** Inline in the track, or in the list that it refers to; data in properties comes with the objects. */
function initOf(track: Fields, inits: ReadonlyMap<string, Members>): Uint8Array | undefined {
  const own = track.base64("initData");
  const entry = inits.get(track.text("initRef") ?? "");
  if (own !== undefined || entry === undefined) return own;
  const fields = new Fields(entry, track.at("initRef"));
  return fields.text("type") === "inline" ? fields.base64("data") : undefined;
}

/** A string, which may say more than a count. */
function channelsOf(track: Fields): number | undefined {
  const value = track.raw("channelConfig");
  if (value === undefined || typeof value === "number") return track.number("channelConfig");
  const text = track.text("channelConfig")!;
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

/** A whole catalog. Initialization data stands in the list and in the tracks: CMSF and older readers look there. */
export function emitMsf({ tracks, generatedAt, isComplete }: Catalog): Uint8Array {
  const ids = new Map<string, string>();
  const written = tracks.map((track) => {
    const data = track.init ?? track.description;
    const initData = data === undefined ? undefined : toBase64(data);
    if (initData !== undefined && !ids.has(initData)) ids.set(initData, `init${ids.size}`);
    const { kind, init: _, description: __, sampleRate, channels, language, role, ...rest } = track;
    return compact({
      ...rest,
      role: role ?? (kind === "other" ? undefined : kind),
      samplerate: sampleRate,
      channelConfig: channels === undefined ? undefined : String(channels),
      lang: language,
      initRef: initData === undefined ? undefined : ids.get(initData),
      initData,
    });
  });
  const initDataList = [...ids].map(([data, id]) => ({ id, type: "inline", data }));
  return utf8(
    JSON.stringify({
      version: VERSION,
      ...(generatedAt === undefined ? {} : { generatedAt }),
      ...(isComplete === true ? { isComplete } : {}),
      tracks: written,
      ...(initDataList.length === 0 ? {} : { initDataList }),
    }),
  );
}
