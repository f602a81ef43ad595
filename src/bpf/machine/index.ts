/** Machines: maps, helpers and programs in one memory. */

export { loadObject } from "./load-object.ts";
export { type LoadedProgram, Machine, type MachineOptions, type Proof, type VerifyOptions } from "./machine.ts";
export { type EngineName, type ProgramSource, type RunInput, RunResult, type Selection } from "./program.ts";
