/** Fragmented MP4 of the test source with boxes changed, lost, repeated or cut, in pieces of any size, to the packager and LOC. */

import { instant } from "../../src/base/time.ts";
import {
  BmffError,
  emitAudioEntry,
  emitBox,
  emitEventMessage,
  emitFragment,
  emitInit,
  emitVideoEntry,
  locObjects,
  Packager,
  parseLocProperties,
  TestSource,
} from "../../src/media/index.ts";
import { concat } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

/** Small, so that fragments above it are frequent. */
const LIMITS = { maxInit: 4_096, maxFragmentHeader: 2_048, maxFragmentData: 40_000, maxSmallBox: 512 };
const MAX_HELD = 64 * 1024;
const ENOUGH = 300;

class BmffSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #victim: Packager;
  readonly #source: TestSource;
  readonly #init: Uint8Array;
  #steps = 0;
  #time = 0;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#victim = new Packager({ ...LIMITS, objects: chance.pick(["fragment", "frame"]) });
    this.#source = new TestSource({ start: instant(0), frameRate: 10, wallClock: 1e12, hasVideo: chance.oneIn(2) });
    this.#init = this.#source.pollBytes(instant(0))!;
    if (!chance.oneIn(10)) this.#push(this.#init);
  }

  step(): void {
    this.#steps += 1;
    const part = this.#part();
    this.#push(this.#chance.oneIn(6) ? mutate(part, this.#chance) : part);
    for (let event = this.#victim.pollEvent(); event !== undefined; event = this.#victim.pollEvent()) {
      if (event.type !== "object") continue;
      for (const { properties } of locObjects(event.object)) parseLocProperties(properties);
    }
    if (this.#victim.held > MAX_HELD + 256 * 1024) throw new VictimFault(`${this.#victim.held} bytes are held`);
    if (this.#steps >= ENOUGH) this.outcome ??= "read enough";
  }

  end(): void {
    try {
      this.#victim.end();
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
    }
  }

  #push(bytes: Uint8Array): void {
    const cut = this.#chance.below(bytes.length + 1);
    try {
      this.#victim.push(bytes.slice(0, cut));
      this.#victim.push(bytes.slice(cut));
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      this.outcome ??= `${error.code} in ${error.where.split("/").at(-1)}`;
    }
  }

  #part(): Uint8Array {
    const chance = this.#chance;
    switch (chance.below(12)) {
      case 0:
        return emitBox(chance.pick(["free", "sidx", "mfra", "styp", "mdat", "moof", "prft", "emsg"]), chance.bytes(60));
      case 1:
        return this.#init;
      case 2:
        return this.#otherInit();
      case 3:
        return emitEventMessage({
          schemeIdUri: "urn:x",
          value: "",
          timescale: 1,
          presentationTime: undefined,
          presentationTimeDelta: chance.below(9),
          duration: 0,
          id: 0,
          data: chance.bytes(600),
        });
      case 4:
      case 5: {
        const samples = Array.from({ length: chance.below(6) }, () => ({
          size: chance.below(30),
          duration: chance.below(9_000),
          compositionOffset: chance.below(400) - 100,
          flags: chance.pick([0x0200_0000, 0x0101_0000]),
        }));
        this.#time = chance.oneIn(10) ? chance.below(2 ** 31) : this.#time + chance.below(5_000);
        const payload = samples.map(({ size }) => chance.exactBytes(size));
        const trackId = 1 + chance.below(3);
        return emitFragment({ sequence: this.#steps, trackId, baseDecodeTime: this.#time, samples, payload });
      }
      default:
        return this.#source.pollBytes(this.#source.nextTimeout())!;
    }
  }

  #otherInit(): Uint8Array {
    const chance = this.#chance;
    const size = { width: 2, height: 2 };
    const tracks = Array.from({ length: chance.below(4) }, (_, index) => {
      const [type, box] = chance.pick([
        ["hvc1", "hvcC"],
        ["av01", "av1C"],
        ["vp09", "vpcC"],
        ["mp4a", "esds"],
        ["Opus", "dOps"],
      ] as const);
      const configuration = emitBox(box, chance.bytes(40));
      const isVideo = chance.oneIn(2);
      const entry = isVideo
        ? emitVideoEntry(type, 2, 2, configuration)
        : emitAudioEntry(type, { channels: 1, sampleRate: 8_000, bits: 16 }, configuration);
      return { id: 1 + index, timescale: 1 + chance.below(90_000), size: isVideo ? size : undefined, entry };
    });
    return concat(emitInit(tracks));
  }
}

export const bmff: Target = { name: "bmff", start: (seed) => new BmffSession(seed) };
