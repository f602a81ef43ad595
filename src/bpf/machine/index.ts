/** Machines: maps, helpers and programs in one memory. */

export { type LoadedProgram, Machine, type MachineOptions } from "./machine.ts";
export { type EngineName, type ProgramSource, type RunInput, RunResult, type Selection } from "./program.ts";
