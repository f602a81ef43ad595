/** Helpers: the functions of the platform that programs call by number (Linux's numbers). */

import { GENERAL_HELPERS } from "./general.ts";
import type { Helper } from "./helper.ts";
import { MAP_HELPERS } from "./maps.ts";
import { PACKET_HELPERS } from "./packet.ts";

/** tail_call, which engines do themselves: r1 is the context, r2 the map, r3 the index. */
export const TAIL_CALL: Helper = {
  id: 12,
  name: "tail_call",
  arguments: ["context", "map", "scalar"],
  returns: "scalar",
  maps: ["prog-array"],
  run: () => 0,
};

/** All helpers, those of the kernel by their numbers. */
export const HELPERS: readonly Helper[] = [...GENERAL_HELPERS, ...MAP_HELPERS, ...PACKET_HELPERS, TAIL_CALL];

export {
  type ArgumentKind,
  type Helper,
  HelperCall,
  type HelperServices,
  type PacketAccess,
  type ReturnKind,
} from "./helper.ts";
