/** Boxes between fragments: event messages (ISO/IEC 23009-1 §5.10.3.3) and producer reference times (14496-12 §8.16.5). */

import type { Reader } from "../../wire/reader.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { type Box, readFullBox, readUint64 } from "./box.ts";
import { emitFullBox, uint32, uint64 } from "./emit.ts";

/** An event that travels with the media: an ad break, a cue, ID3 tags. */
export interface EventMessage {
  readonly schemeIdUri: string;
  readonly value: string;
  /** Units in a second. */
  readonly timescale: number;
  /** In units of `timescale`: when the event begins, on the media's timeline (version 1) … */
  readonly presentationTime: number | undefined;
  /** … or after the earliest presentation time of its segment (version 0). */
  readonly presentationTimeDelta: number | undefined;
  /** In units of `timescale`; 0xffffffff if unknown. */
  readonly duration: number;
  readonly id: number;
  readonly data: Uint8Array;
}

/** The event in an `emsg` box; undefined for a version that is not known. Throws a `BmffError`. */
export function parseEventMessage(box: Box): EventMessage | undefined {
  return readFullBox(box, "EVENT", ({ version, reader }) => {
    if (version === 0) {
      const schemeIdUri = readText(reader);
      const value = readText(reader);
      const timescale = reader.uint32();
      const presentationTimeDelta = reader.uint32();
      const times = { timescale, presentationTime: undefined, presentationTimeDelta };
      return { schemeIdUri, value, ...times, duration: reader.uint32(), id: reader.uint32(), data: reader.rest() };
    }
    if (version !== 1) return undefined;
    const timescale = reader.uint32();
    const presentationTime = readUint64(reader);
    const duration = reader.uint32();
    const id = reader.uint32();
    const schemeIdUri = readText(reader);
    const value = readText(reader);
    const times = { timescale, presentationTime, presentationTimeDelta: undefined };
    return { schemeIdUri, value, ...times, duration, id, data: reader.rest() };
  });
}

/** An `emsg` box: of version 0 if the event has no presentation time, else of version 1. */
export function emitEventMessage(event: EventMessage): Uint8Array {
  const texts = concat(utf8(event.schemeIdUri), Uint8Array.of(0), utf8(event.value), Uint8Array.of(0));
  const { timescale, presentationTime, presentationTimeDelta = 0, duration, id, data } = event;
  if (presentationTime === undefined) {
    return emitFullBox("emsg", 0, 0, texts, uint32(timescale, presentationTimeDelta, duration, id), data);
  }
  return emitFullBox("emsg", 1, 0, uint32(timescale), uint64(presentationTime), uint32(duration, id), texts, data);
}

/** When a sample was captured or encoded, on a wall clock. */
export interface ProducerReferenceTime {
  readonly trackId: number;
  /** Milliseconds since 1970, with fractions. */
  readonly wallClock: number;
  /** The sample's time in its track's units. */
  readonly mediaTime: number;
}

/** From 1900 to 1970, in seconds. */
const NTP_EPOCH = 2_208_988_800;
const FRACTIONS = 0x1_0000_0000;

/** The time in a `prft` box; undefined for a version that is not known. Throws a `BmffError`. */
export function parseReferenceTime(box: Box): ProducerReferenceTime | undefined {
  return readFullBox(box, "EVENT", ({ version, reader }) => {
    if (version > 1) return undefined;
    const trackId = reader.uint32();
    const wholeSeconds = reader.uint32() - NTP_EPOCH;
    const wallClock = wholeSeconds * 1_000 + (reader.uint32() / FRACTIONS) * 1_000;
    return { trackId, wallClock, mediaTime: version === 0 ? reader.uint32() : readUint64(reader) };
  });
}

/** A `prft` box. */
export function emitReferenceTime({ trackId, wallClock, mediaTime }: ProducerReferenceTime): Uint8Array {
  const wholeSeconds = Math.floor(wallClock / 1_000);
  const fraction = Math.min(FRACTIONS - 1, Math.round((wallClock / 1_000 - wholeSeconds) * FRACTIONS));
  return emitFullBox("prft", 1, 0, uint32(trackId, wholeSeconds + NTP_EPOCH, fraction), uint64(mediaTime));
}

/** Up to a zero byte. */
function readText(reader: Reader): string {
  const { bytes, position, end } = reader;
  let at = position;
  while (at < end && bytes[at] !== 0) at += 1;
  const text = fromUtf8(bytes.subarray(position, at));
  reader.skip(at - position + 1);
  return text;
}
