/** Machines: maps, helpers and programs in one memory. */

export { loadObject } from "./load-object.ts";
export { type LoadedProgram, Machine, type MachineOptions } from "./machine.ts";
export { type EngineName, type ProgramSource, type RunInput, RunResult, type Selection } from "./program.ts";
