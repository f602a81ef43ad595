/** Object files. */

export type { ObjectMap } from "./map-section.ts";
export { type BpfObject, type ObjectOptions, type ObjectProgram, parseObject } from "./object.ts";
