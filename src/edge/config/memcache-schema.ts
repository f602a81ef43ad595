/** The memcached proxy in a configuration. Pools and routes are checked when they are built: routes may be functions. */

import * as v from "valibot";
import type { MemcacheConfig } from "../../memcache/index.ts";
import { either, list, type Members, section } from "./section.ts";
import type { MemcacheSection } from "./types.ts";
import { number, oneOf, SIZE, show, text } from "./values.ts";

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/** An object whose members another part of the program checks. */
const open = <Value>() => v.custom<Value>(isObject, ({ input }) => `${show(input)} is not an object`);

const PLACE = text('an address such as "127.0.0.1:11211", or the path of a Unix socket');

export const MEMCACHE = section("MemcacheSection", {
  listen: v.optional(either("an address, a path, or a list of them", [PLACE, list(PLACE, "a list of addresses")])),
  maxConnections: v.optional(number()),
  maxValue: v.optional(SIZE),
  pools: open<MemcacheConfig["pools"]>(),
  routes: open<MemcacheConfig["routes"]>(),
  localZone: v.optional(text("the name of a zone")),
  activeRequestLimit: v.optional(number()),
  multigetErrors: v.optional(oneOf(["line", "key", "miss"])),
  counters: v.optional(list(text("a name"), "a list of names")),
  backendOptions: v.optional(open<NonNullable<MemcacheConfig["backendOptions"]>>()),
  poolOptions: v.optional(open<NonNullable<MemcacheConfig["poolOptions"]>>()),
} satisfies Members<MemcacheSection>);
