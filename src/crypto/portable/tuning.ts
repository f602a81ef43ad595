/** A setting of the process that the portable engine gains much from; the product decides whether to use it. */

import { setFlagsFromString } from "node:v8";

/**
 * Every sealed or opened packet leaves a buffer to the garbage collector. V8 frees those on helper threads, which contend for
 * the allocator with the thread that allocates the next ones: up to 4 µs of CPU per packet on Node 20, as much as the
 * encryption itself. Freed on the thread that made them they cost next to nothing.
 *
 * The flag changes nothing but that, and holds for the whole process; so a command may call this, a library does not.
 */
export function sweepBuffersOnThisThread(): void {
  setFlagsFromString("--no-concurrent-array-buffer-sweeping");
}
