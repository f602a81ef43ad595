/** A live source without an encoder. */

export { AUDIO_TRACK, TestSource, type TestSourceOptions, VIDEO_TRACK } from "./test-source.ts";
