/** Catalogs of MSF and hang: members with values of any type, changes of a catalog, and mutated text. */

import {
  type Catalog,
  CatalogError,
  emitHang,
  emitMsf,
  MAX_CATALOG_TRACKS,
  MsfReader,
  parseHang,
  parseMsf,
  playerTrackOf,
} from "../../src/media/index.ts";
import { utf8 } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const ENOUGH = 300;
const MEMBERS = [
  "name",
  "namespace",
  "packaging",
  "role",
  "isLive",
  "codec",
  "initData",
  "initRef",
  "width",
  "framerate",
  "samplerate",
];
const OTHERS = [
  "channelConfig",
  "bitrate",
  "lang",
  "depends",
  "parentName",
  "parentNamespace",
  "altGroup",
  "__proto__",
];
const CONFIG = [
  "codec",
  "container",
  "description",
  "codedWidth",
  "sampleRate",
  "numberOfChannels",
  "bitrate",
  "broadcast",
];

class CatalogSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  #reader = new MsfReader();
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    const isHang = chance.oneIn(2);
    const text = utf8(JSON.stringify(isHang ? this.#hang() : this.#msf()));
    const bytes = chance.oneIn(4) ? mutate(text, chance) : text;
    try {
      this.#check(isHang ? parseHang(bytes) : this.#reader.push(bytes));
    } catch (error) {
      if (!(error instanceof CatalogError)) throw error;
    }
    if (this.#steps >= ENOUGH) this.outcome = "read enough";
  }

  end(): void {}

  #check(catalog: Catalog): void {
    if (catalog.tracks.length > MAX_CATALOG_TRACKS) throw new VictimFault(`${catalog.tracks.length} tracks`);
    // What was read can be said again, and read again.
    parseMsf(emitMsf(catalog));
    parseHang(emitHang(catalog));
    for (const track of catalog.tracks) {
      try {
        playerTrackOf(track);
      } catch (error) {
        if (!(error instanceof CatalogError)) throw error;
      }
    }
  }

  #value(depth = 2): unknown {
    const chance = this.#chance;
    const own = [
      "a",
      "video",
      "cmaf",
      "loc",
      "AAAAGGZ0eXA=",
      "0aff",
      "2",
      "",
      true,
      false,
      null,
      0,
      48_000,
      -1,
      1e300,
      29.97,
    ];
    if (depth === 0 || !chance.oneIn(4)) return chance.pick(own);
    return chance.oneIn(2) ? [this.#value(depth - 1)] : { kind: "cmaf", name: this.#value(0), init: this.#value(0) };
  }

  #members(names: readonly string[]): Record<string, unknown> {
    const entries = names.filter(() => this.#chance.oneIn(2)).map((name) => [name, this.#value()]);
    return Object.fromEntries(entries);
  }

  #track(): unknown {
    const named = this.#chance.oneIn(8) ? {} : { name: `t${this.#chance.below(6)}` };
    return { ...this.#members([...MEMBERS, ...OTHERS]), ...named, ...(this.#chance.oneIn(2) ? { isLive: true } : {}) };
  }

  #tracks(): unknown[] {
    return Array.from({ length: this.#chance.below(4) }, () => this.#track());
  }

  #msf(): unknown {
    const chance = this.#chance;
    const initDataList = chance.oneIn(3) ? [{ id: "a", type: "inline", data: "AQID" }, this.#value()] : undefined;
    if (chance.oneIn(2))
      return { version: chance.pick(["draft-01", 1, this.#value()]), tracks: this.#tracks(), initDataList };
    const deltaUpdate = Array.from({ length: chance.below(3) }, () => ({
      op: chance.pick(["add", "remove", "clone", "update", this.#value()]),
      tracks: this.#tracks(),
    }));
    return { deltaUpdate, initDataList };
  }

  #hang(): unknown {
    const config = (): unknown => ({ ...this.#members(CONFIG), ...(this.#chance.oneIn(5) ? {} : { codec: "opus" }) });
    const renditions = { a: config(), b: config(), constructor: config() };
    const video = this.#chance.pick([{ renditions }, [{ track: { name: "v" }, config: config() }], this.#value()]);
    return {
      video,
      audio: this.#chance.pick([{ renditions }, { track: { name: "a" }, config: config() }, this.#value()]),
    };
  }
}

export const catalogs: Target = { name: "catalogs", start: (seed) => new CatalogSession(seed) };
