/**
 * eBPF (RFC 9669): assembler, object files, verifier, maps, helpers, and two engines. Experimental.
 *
 * @module nagare/experimental/bpf
 */

export { Btf, parseBtf } from "./btf/index.ts";
export { type BpfObject, type ObjectMap, type ObjectOptions, type ObjectProgram, parseObject } from "./elf/index.ts";
export { BpfError, type BpfErrorCode, type SourceLine } from "./errors.ts";
export {
  type ArgumentKind,
  HELPERS,
  type Helper,
  HelperCall,
  type HelperServices,
  type ReturnKind,
} from "./helpers/index.ts";
export * from "./isa/index.ts";
export {
  type EngineName,
  type LoadedProgram,
  loadObject,
  Machine,
  type MachineOptions,
  type ProgramSource,
  type Proof,
  type RunInput,
  RunResult,
  type Selection,
  type VerifyOptions,
} from "./machine/index.ts";
export {
  BpfMap,
  ERRNO,
  MAP_TYPES,
  type MapDefinition,
  type MapType,
  QueueMap,
  RingBuffer,
  UPDATE,
} from "./maps/index.ts";
export * from "./program-types/index.ts";
export { type VerifierInput, type VerifierReport, verify } from "./verifier/index.ts";
