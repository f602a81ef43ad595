/** Helpers on packets, and those that decide where a packet goes. */

import { ERRNO, ReferenceArray } from "../maps/index.ts";
import { ARGUMENTS } from "../memory/index.ts";
import type { Helper, HelperCall } from "./helper.ts";

const SKB = ["socket-filter", "sched-cls"];
const XDP = ["xdp"];
const DEVICES = ["devmap", "devmap-hash", "cpumap", "xskmap"];
const REDIRECT = 4;
const ABORTED = 0;

/** Copies bytes of the packet; the buffer is zeroed if there are not enough. */
function loadBytes(call: HelperCall, offset: number, to: number, length: number): number {
  const { arena, packet } = call.services;
  const from = packet.start + offset;
  if (offset >= 0x8000_0000 || length > packet.end - packet.start || from + length > packet.end) {
    arena.bytes.fill(0, to, to + length);
    return -14;
  }
  arena.bytes.copyWithin(to, from, from + length);
  return 0;
}

function storeBytes(call: HelperCall, offset: number, from: number, length: number): number {
  const { arena, packet } = call.services;
  const to = packet.start + offset;
  if (offset >= 0x8000_0000 || to + length > packet.end) return ERRNO.EINVAL;
  arena.bytes.copyWithin(to, from, from + length);
  return 0;
}

function redirectMap(call: HelperCall): number {
  const map = call.map(1);
  const flags = call.word(3);
  // The key is the argument itself; such maps have keys of four bytes.
  const at = DEVICES.includes(map.definition.type) ? map.lookup(ARGUMENTS + 8) : 0;
  // The lower bits of the flags are the answer if there is no such entry.
  if (at === 0) return flags > 3 ? ABORTED : flags;
  call.services.select(map, call.services.arena.view.getUint32(at, true));
  return REDIRECT;
}

export const PACKET_HELPERS: readonly Helper[] = [
  {
    id: 9,
    name: "skb_store_bytes",
    arguments: ["context", "scalar", "memory", "size", "scalar"],
    returns: "scalar",
    programs: ["sched-cls"],
    changesPacket: true,
    run: (call) => storeBytes(call, call.word(2), call.memory(3, call.word(4)), call.word(4)),
  },
  {
    id: 23,
    name: "redirect",
    arguments: ["scalar", "scalar"],
    returns: "scalar",
    programs: ["xdp", "sched-cls"],
    run(call) {
      call.services.select(undefined, call.word(1));
      return REDIRECT;
    },
  },
  {
    id: 26,
    name: "skb_load_bytes",
    arguments: ["context", "scalar", "memory-out", "size"],
    returns: "scalar",
    programs: [...SKB, "sk-reuseport"],
    run: (call) => loadBytes(call, call.word(2), call.memory(3, call.word(4), true), call.word(4)),
  },
  {
    id: 44,
    name: "xdp_adjust_head",
    arguments: ["context", "scalar"],
    returns: "scalar",
    programs: XDP,
    changesPacket: true,
    run: (call) => (call.services.packet.adjustHead(call.signed(2)) ? 0 : ERRNO.EINVAL),
  },
  {
    id: 51,
    name: "redirect_map",
    arguments: ["map", "scalar", "scalar"],
    returns: "scalar",
    programs: XDP,
    maps: DEVICES,
    run: redirectMap,
  },
  {
    id: 54,
    name: "xdp_adjust_meta",
    arguments: ["context", "scalar"],
    returns: "scalar",
    programs: XDP,
    changesPacket: true,
    run: (call) => (call.services.packet.adjustMeta(call.signed(2)) ? 0 : ERRNO.EINVAL),
  },
  {
    id: 65,
    name: "xdp_adjust_tail",
    arguments: ["context", "scalar"],
    returns: "scalar",
    programs: XDP,
    changesPacket: true,
    run: (call) => (call.services.packet.adjustTail(call.signed(2)) ? 0 : ERRNO.EINVAL),
  },
  {
    id: 82,
    name: "sk_select_reuseport",
    arguments: ["context", "map", "map-key", "scalar"],
    returns: "scalar",
    programs: ["sk-reuseport"],
    maps: ["reuseport-sockarray", "sockmap"],
    run(call) {
      const map = call.map(2);
      const index = call.services.arena.view.getUint32(call.memory(3, map.definition.keySize), true);
      const value = map instanceof ReferenceArray ? map.reference(index) : undefined;
      if (value === undefined) return ERRNO.ENOENT;
      call.services.select(map, value);
      return 0;
    },
  },
  {
    id: 189,
    name: "xdp_load_bytes",
    arguments: ["context", "scalar", "memory-out", "size"],
    returns: "scalar",
    programs: XDP,
    run: (call) => loadBytes(call, call.word(2), call.memory(3, call.word(4), true), call.word(4)),
  },
  {
    id: 190,
    name: "xdp_store_bytes",
    arguments: ["context", "scalar", "memory", "size"],
    returns: "scalar",
    programs: XDP,
    run: (call) => storeBytes(call, call.word(2), call.memory(3, call.word(4)), call.word(4)),
  },
];
