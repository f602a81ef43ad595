/** From segments to what a player takes. */

export { type AssemblyOptions, SegmentAssembly } from "./assembly.ts";
export type { AssembledFragment, AssemblyEvent } from "./events.ts";
export { joinInits } from "./joined-init.ts";
export { type PlayableOptions, PlayableStream } from "./playable.ts";
