/** The properties of the Low Overhead Container (draft-ietf-moq-loc), as numbers and bytes: an even type has a number, an odd one bytes. */

import type { VarInt } from "../../wire/varint.ts";

/** A property of an object or a track. */
export interface LocProperty {
  readonly type: VarInt;
  readonly value: VarInt | Uint8Array;
}

/** What an object says of its frame. */
export interface LocFacts {
  /** In units of `timescale`; without one, microseconds since 1970. */
  readonly timestamp?: number;
  /** Units in a second. */
  readonly timescale?: number;
  /** What WebCodecs calls the description of a video decoder. */
  readonly videoConfig?: Uint8Array;
  readonly audioConfig?: Uint8Array;
  readonly frameMarking?: FrameMarking;
  readonly audioLevel?: AudioLevel;
}

/** RFC 9626 §3.2, for streams without layers. */
export interface FrameMarking {
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly isIndependent: boolean;
  readonly isDiscardable: boolean;
}

/** RFC 6464. */
export interface AudioLevel {
  readonly hasVoice: boolean;
  /** Decibels below the loudest, 0 to 127. */
  readonly level: number;
}

/** Version 04, and the provisional numbers of the table in draft-ietf-moq-transport-18. */
export type LocNumbers = "loc-04" | "moqt-18";

const TIMESTAMP = { "loc-04": 0x10, "moqt-18": 0x06 } as const;
const FRAME_MARKING = { "loc-04": 0x09, "moqt-18": 0x0a } as const;
const TIMESCALE = 0x08;
const AUDIO_LEVEL = 0x0c;
const VIDEO_CONFIG = 0x0d;
const AUDIO_CONFIG = 0x0f;

/** In ascending order of types. */
export function emitLocProperties(facts: LocFacts, numbers: LocNumbers = "loc-04"): LocProperty[] {
  const { timestamp, timescale, videoConfig, audioConfig, frameMarking, audioLevel } = facts;
  const properties: LocProperty[] = [];
  const add = (type: number, value: number | Uint8Array | undefined): void => {
    if (value !== undefined) properties.push({ type, value });
  };
  const marking = frameMarking === undefined ? undefined : markingByte(frameMarking);
  const type = FRAME_MARKING[numbers];
  add(TIMESTAMP[numbers], timestamp);
  add(TIMESCALE, timescale);
  add(type, marking === undefined || type % 2 === 0 ? marking : Uint8Array.of(marking));
  add(AUDIO_LEVEL, audioLevel === undefined ? undefined : (audioLevel.hasVoice ? 0x80 : 0) | audioLevel.level);
  add(VIDEO_CONFIG, videoConfig);
  add(AUDIO_CONFIG, audioConfig);
  return properties.sort((a, b) => (a.type as number) - (b.type as number));
}

/** Reads both numberings; ignores what it does not know, and values of the wrong kind. */
export function parseLocProperties(properties: readonly LocProperty[]): LocFacts {
  const numberOf = (...types: readonly number[]): number | undefined => {
    const value = properties.find(({ type }) => typeof type === "number" && types.includes(type))?.value;
    return typeof value === "number" ? value : undefined;
  };
  const bytesOf = (type: number): Uint8Array | undefined => {
    const value = properties.find((property) => property.type === type)?.value;
    return value instanceof Uint8Array ? value : undefined;
  };
  const timestamp = numberOf(TIMESTAMP["loc-04"]) ?? numberOf(TIMESTAMP["moqt-18"]);
  const timescale = numberOf(TIMESCALE);
  const marking = bytesOf(FRAME_MARKING["loc-04"])?.[0] ?? numberOf(FRAME_MARKING["moqt-18"]);
  const level = numberOf(AUDIO_LEVEL);
  const videoConfig = bytesOf(VIDEO_CONFIG);
  const audioConfig = bytesOf(AUDIO_CONFIG);
  return {
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(timescale === undefined || timescale === 0 ? {} : { timescale }),
    ...(videoConfig === undefined ? {} : { videoConfig }),
    ...(audioConfig === undefined ? {} : { audioConfig }),
    ...(marking === undefined ? {} : { frameMarking: parseMarking(marking) }),
    ...(level === undefined ? {} : { audioLevel: { hasVoice: (level & 0x80) !== 0, level: level & 0x7f } }),
  };
}

const markingByte = ({ isStart, isEnd, isIndependent, isDiscardable }: FrameMarking): number =>
  (isStart ? 0x80 : 0) | (isEnd ? 0x40 : 0) | (isIndependent ? 0x20 : 0) | (isDiscardable ? 0x10 : 0);

const parseMarking = (byte: number): FrameMarking => ({
  isStart: (byte & 0x80) !== 0,
  isEnd: (byte & 0x40) !== 0,
  isIndependent: (byte & 0x20) !== 0,
  isDiscardable: (byte & 0x10) !== 0,
});
