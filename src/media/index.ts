/**
 * Live media: ISO-BMFF framing of CMAF, a packager into groups and objects, LOC, a test source. Experimental.
 *
 * @module nagare/experimental/media
 */

export * from "./bmff/index.ts";
export * from "./loc/index.ts";
export * from "./packager/index.ts";
export * from "./test-source/index.ts";
