/** The interpreter. */

export { Interpreter, type RunArguments } from "./interpreter.ts";
export type { Runtime, TailTarget } from "./runtime.ts";
