/** The Low Overhead Container. */

export { decoderDescription, type LocObject, locObjects } from "./loc.ts";
export {
  type AudioLevel,
  emitLocProperties,
  type FrameMarking,
  type LocFacts,
  type LocNumbers,
  type LocProperty,
  parseLocProperties,
} from "./properties.ts";
