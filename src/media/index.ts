/**
 * Live media: ISO-BMFF framing of CMAF, a packager into groups and objects, LOC, sessions of Warp, the MoQ base draft and MoQ Transport, a relay,
 * a test source. Experimental.
 *
 * @module nagare/experimental/media
 */

export * from "./assembly/index.ts";
export * from "./base-draft/index.ts";
export * from "./bmff/index.ts";
export type { OrderedCarrier, StreamCarrier } from "./carrier.ts";
export * from "./loc/index.ts";
export * from "./moq/index.ts";
export * from "./packager/index.ts";
export * from "./relay/index.ts";
export * from "./segments/index.ts";
export * from "./test-source/index.ts";
export * from "./warp/index.ts";
