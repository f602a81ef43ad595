/** The instruction set: bytes, operations and text. */

export { assemble } from "./assembler/assemble.ts";
export { type Code, checkTargets, encodeCode, MAX_INSTRUCTIONS, parseCode } from "./code.ts";
export { disassemble, type Syntax } from "./disassemble.ts";
export { decode, encode, type Fields, readFields, writeFields } from "./encoding.ts";
export * from "./operation.ts";
