/** memcached's core API for handlers that are written in Lua, in the order in which its parts are loaded. */

import { CONTEXT } from "./context.ts";
import { INSPECT } from "./inspect.ts";
import { LIBRARY, SHARED } from "./library.ts";
import { METHODS } from "./methods.ts";
import { REQUEST } from "./request.ts";
import { RESPONSE } from "./response.ts";

export const CORE: readonly (readonly [name: string, source: string])[] = [
  ["shared", SHARED],
  ["request", REQUEST],
  ["response", RESPONSE],
  ["context", CONTEXT],
  ["methods", METHODS],
  ["library", LIBRARY],
  ["inspect", INSPECT],
];
