/**
 * The first page of the arena: what engines and helpers share. Programs never reach it, and address 0 is in it, so a null
 * pointer is never valid. Both engines call helpers the same way: arguments r1 to r5 and the result are 64-bit words here,
 * so no value has to cross the border to JavaScript as a BigInt.
 */

/** r1 to r5, of 8 bytes each. */
export const ARGUMENTS = 64;
/** r0 after a call. */
export const RESULT = 104;
/** Instructions that may still run, of a program that is not verified (i32). */
export const FUEL = 112;
/** The number of the virtual processor (u32): per-CPU maps have one value for each. */
export const CPU = 116;
/** The packet of this run, for the deprecated packet instructions: address and length (u32). */
export const PACKET_START = 120;
export const PACKET_LENGTH = 124;
/** The number of tail calls in this run (u32). */
export const TAIL_CALLS = 128;
/** The number of regions, and the regions: start, end, and 1 if writable (u32 each). */
export const REGION_COUNT = 132;
export const REGIONS = 136;
export const REGION_BYTES = 12;
export const MAX_REGIONS = 300;

/** Higher than any offset of an instruction, so that no base of a valid access is below 0. */
export const FIRST_FREE = 65_536;

/** Bytes of stack for each function (RFC 9669 leaves it to the platform; these are Linux's). */
export const FRAME_BYTES = 512;
export const MAX_FRAMES = 8;
export const MAX_TAIL_CALLS = 33;
