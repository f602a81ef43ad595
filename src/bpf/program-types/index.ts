/** Kinds of programs and their contexts. */

export * from "./program-type.ts";
