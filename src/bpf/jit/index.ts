/** The compiler to WebAssembly. */

export { type CompiledProgram, compileProgram, type JitHost, type JitInput } from "./compile.ts";
