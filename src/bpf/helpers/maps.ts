/** Helpers on maps. */

import { BpfError } from "../errors.ts";
import { ERRNO, RingBuffer } from "../maps/index.ts";
import type { Helper, HelperCall } from "./helper.ts";

/** Not those that name devices, processors or sockets: their entries belong to the host. */
const KEYED = ["hash", "array", "percpu-hash", "percpu-array", "lru-hash", "lru-percpu-hash", "lpm-trie"];
const QUEUES = ["queue", "stack"];
const RINGS = ["ringbuf"];

const key = (call: HelperCall, argument: number): number => call.memory(argument, call.map(1).definition.keySize);

function ring(call: HelperCall): RingBuffer {
  const map = call.map(1);
  if (!(map instanceof RingBuffer)) throw new BpfError("HELPER", `${call.name}: the map is not a ring buffer`);
  return map;
}

/** A reserved record is found by its address, in whichever ring it is. */
function commit(call: HelperCall, isDiscarded: boolean): number {
  const address = call.word(1);
  for (const map of ringsOf(call)) if (map.commit(address, isDiscarded)) return 0;
  throw new BpfError("HELPER", `${call.name}: there is no reserved record at 0x${call.value(1).toString(16)}`);
}

function* ringsOf({ services }: HelperCall): IterableIterator<RingBuffer> {
  for (const map of services.maps) if (map instanceof RingBuffer) yield map;
}

export const MAP_HELPERS: readonly Helper[] = [
  {
    id: 1,
    name: "map_lookup_elem",
    arguments: ["map", "map-key"],
    returns: "map-value-or-null",
    maps: KEYED,
    run: (call) => call.map(1).lookup(key(call, 2)),
  },
  {
    id: 2,
    name: "map_update_elem",
    arguments: ["map", "map-key", "map-value", "scalar"],
    returns: "scalar",
    maps: KEYED,
    run(call) {
      const map = call.map(1);
      if (map.definition.readOnly) return ERRNO.EPERM;
      if (call.high(4) !== 0) return ERRNO.EINVAL;
      return map.update(key(call, 2), call.memory(3, map.definition.valueSize), call.word(4));
    },
  },
  {
    id: 3,
    name: "map_delete_elem",
    arguments: ["map", "map-key"],
    returns: "scalar",
    maps: KEYED,
    run: (call) => call.map(1).delete(key(call, 2)),
  },
  {
    id: 87,
    name: "map_push_elem",
    arguments: ["map", "map-value", "scalar"],
    returns: "scalar",
    maps: QUEUES,
    run: (call) => call.map(1).push(call.memory(2, call.map(1).definition.valueSize), call.word(3)),
  },
  {
    id: 88,
    name: "map_pop_elem",
    arguments: ["map", "map-value-out"],
    returns: "scalar",
    maps: QUEUES,
    run: (call) => call.map(1).pop(call.memory(2, call.map(1).definition.valueSize, true), true),
  },
  {
    id: 89,
    name: "map_peek_elem",
    arguments: ["map", "map-value-out"],
    returns: "scalar",
    maps: QUEUES,
    run: (call) => call.map(1).pop(call.memory(2, call.map(1).definition.valueSize, true), false),
  },
  {
    id: 130,
    name: "ringbuf_output",
    arguments: ["map", "memory", "size-or-zero", "scalar"],
    returns: "scalar",
    maps: RINGS,
    run: (call) => ring(call).output(call.memory(2, call.word(3)), call.word(3)),
  },
  {
    id: 131,
    name: "ringbuf_reserve",
    arguments: ["map", "allocation-size", "scalar"],
    returns: "record-or-null",
    maps: RINGS,
    run: (call) => ring(call).reserve(call.high(2) === 0 ? call.word(2) : 0xffff_ffff),
  },
  {
    id: 132,
    name: "ringbuf_submit",
    arguments: ["record", "scalar"],
    returns: "scalar",
    run: (call) => commit(call, false),
  },
  {
    id: 133,
    name: "ringbuf_discard",
    arguments: ["record", "scalar"],
    returns: "scalar",
    run: (call) => commit(call, true),
  },
  {
    id: 134,
    name: "ringbuf_query",
    arguments: ["map", "scalar"],
    returns: "scalar",
    maps: RINGS,
    run: (call) => ring(call).query(call.word(2)),
  },
];
