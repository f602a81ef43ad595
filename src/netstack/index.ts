/** A whole host as one machine. */

/** Link, IP, UDP and TCP together. */
export { Stack, type StackOptions } from "./stack.ts";
