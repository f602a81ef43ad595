/** BTF: types, lines of C, and relocations that depend on types. */

export { CORE, resolveCore } from "./core.ts";
export { type BtfExtension, type CoreRelocation, parseBtfExtension } from "./extension.ts";
export { Btf, type BtfMember, type BtfType, KIND, parseBtf } from "./types.ts";
