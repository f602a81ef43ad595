/** What an engine needs from its machine. */

import type { Code } from "../isa/index.ts";
import type { Arena } from "../memory/index.ts";

export interface Runtime {
  readonly arena: Arena;
  /** Takes r1 to r5 at `ARGUMENTS` and leaves r0 at `RESULT`. Throws a `BpfError` if there is no such helper. */
  callHelper(id: number, pc: number): void;
  /**
   * The program that a tail call leads to, with the arguments at `ARGUMENTS`. Returns undefined, and an error in
   * `RESULT`, if the call goes on in the calling program.
   */
  resolveTailCall(): TailTarget | undefined;
}

export interface TailTarget {
  readonly code: Code;
}
