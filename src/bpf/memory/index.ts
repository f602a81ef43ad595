/** The memory that engines, maps and helpers share. */

export { Arena, type Region } from "./arena.ts";
export * from "./layout.ts";
export { type WasmFunction, type WasmMemory, webAssembly } from "./webassembly.ts";
