/** Maps: state that outlives a run, shared by programs and the host. */

export { ArrayMap, ReferenceArray } from "./array.ts";
export { createMap } from "./create.ts";
export {
  checkDefinition,
  ERRNO,
  MAP_TYPES,
  type MapDefinition,
  type MapType,
  mapTypeOf,
  UPDATE,
} from "./definition.ts";
export { ENTRY, HashMap, STATE } from "./hash.ts";
export { LpmTrie } from "./lpm-trie.ts";
export { align, BpfMap, HEADER, HEADER_BYTES, type MapEnvironment } from "./map.ts";
export { MURMUR } from "./murmur3.ts";
export { QueueMap } from "./queue.ts";
export { RingBuffer } from "./ring-buffer.ts";
