/** The map of a definition. */

import { ArrayMap, ReferenceArray } from "./array.ts";
import { checkDefinition, type MapDefinition } from "./definition.ts";
import { HashMap } from "./hash.ts";
import { LpmTrie } from "./lpm-trie.ts";
import type { BpfMap, MapEnvironment } from "./map.ts";
import { QueueMap } from "./queue.ts";
import { RingBuffer } from "./ring-buffer.ts";

export function createMap(definition: MapDefinition, index: number, environment: MapEnvironment): BpfMap {
  checkDefinition(definition);
  switch (definition.type) {
    case "array":
    case "percpu-array":
      return new ArrayMap(definition, index, environment);
    case "hash":
    case "percpu-hash":
    case "lru-hash":
    case "lru-percpu-hash":
    case "devmap-hash":
      return new HashMap(definition, index, environment);
    case "lpm-trie":
      return new LpmTrie(definition, index, environment);
    case "queue":
    case "stack":
      return new QueueMap(definition, index, environment);
    case "ringbuf":
      return new RingBuffer(definition, index, environment);
    default:
      return new ReferenceArray(definition, index, environment);
  }
}
