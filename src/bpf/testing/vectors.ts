/**
 * Programs with their results: the low 32 bits of r0. Semicolons stand for line
 * ends. Results are Linux 6.18's, through BPF_PROG_TEST_RUN, where it has the instruction.
 */

export interface Vector {
  readonly what: string;
  readonly asm: string;
  readonly result: number;
}

export const VECTORS: readonly Vector[] = [
  { what: "9 / 0", asm: "r0 = 9; r1 = 0; r0 /= r1; exit", result: 0 },
  { what: "9 % 0", asm: "r0 = 9; r1 = 0; r0 %= r1; exit", result: 9 },
  { what: "32-bit modulo by zero clears the upper half", asm: "r0 = -1; r1 = 0; w0 %= w1; r0 >>= 32; exit", result: 0 },
  { what: "-13 s/ 3", asm: "r0 = -13; r0 s/= 3; exit", result: 0xfffffffc },
  { what: "-13 s% 3", asm: "r0 = -13; r0 s%= 3; exit", result: 0xffffffff },
  { what: "13 s% -3", asm: "r0 = 13; r0 s%= -3; exit", result: 1 },
  { what: "the least 32-bit number s/ -1", asm: "w0 = -2147483648; w0 s/= -1; exit", result: 0x80000000 },
  {
    what: "the least 64-bit number s/ -1",
    asm: "r0 = 0x8000000000000000 ll; r1 = -1; r0 s/= r1; r0 >>= 32; exit",
    result: 0x80000000,
  },
  { what: "the least 64-bit number s% -1", asm: "r0 = 0x8000000000000000 ll; r1 = -1; r0 s%= r1; exit", result: 0 },
  { what: "sign extension of 8 bits to 64", asm: "r1 = 0x80; r0 = (s8)r1; r0 >>= 32; exit", result: 0xffffffff },
  { what: "sign extension of 8 bits to 32", asm: "r1 = 0x80; w0 = (s8)w1; r0 >>= 32; exit", result: 0 },
  { what: "bswap16", asm: "r0 = 0x11223344; r0 = bswap16 r0; exit", result: 0x4433 },
  { what: "bswap32", asm: "r0 = 0x11223344; r0 = bswap32 r0; exit", result: 0x44332211 },
  { what: "le16", asm: "r0 = 0x11223344; r0 = le16 r0; exit", result: 0x3344 },
  { what: "be64", asm: "r0 = 0x1122334455667788 ll; r0 = be64 r0; r0 >>= 32; exit", result: 0x88776655 },
  { what: "1 << 65", asm: "r0 = 1; r1 = 65; r0 <<= r1; exit", result: 2 },
  { what: "1 << 33 on 32 bits", asm: "r0 = 1; r1 = 33; w0 <<= w1; exit", result: 2 },
  { what: "32-bit arithmetic shift", asm: "w0 = 0x80000000; w0 s>>= 4; exit", result: 0xf8000000 },
  {
    what: "64-bit arithmetic shift over the middle",
    asm: "r0 = 0x8000000000000000 ll; r0 s>>= 36; exit",
    result: 0xf8000000,
  },
  {
    what: "sign-extending load",
    asm: "*(u64 *)(r10 - 8) = 255; r0 = *(s8 *)(r10 - 8); r0 >>= 32; exit",
    result: 0xffffffff,
  },
  {
    what: "a 32-bit comparison ignores the upper half",
    asm: "r0 = 1; r1 = 0x1ffffffff ll; if w1 s< 0 goto +1; r0 = 2; exit",
    result: 1,
  },
  {
    what: "fetch_add returns the old value",
    asm: "*(u64 *)(r10 - 8) = 5; r1 = 3; r1 = atomic_fetch_add((u64 *)(r10 - 8), r1); r0 = r1; exit",
    result: 5,
  },
  {
    what: "cmpxchg that hits",
    asm: "*(u64 *)(r10 - 8) = 5; r0 = 5; r1 = 9; w0 = cmpxchg_32(r10 - 8, w0, w1); r0 = *(u32 *)(r10 - 8); exit",
    result: 9,
  },
  {
    what: "cmpxchg that misses",
    asm: "*(u64 *)(r10 - 8) = 5; r0 = 6; r1 = 9; w0 = cmpxchg_32(r10 - 8, w0, w1); exit",
    result: 5,
  },
  { what: "a local call", asm: "call f; exit; f: r0 = 42; exit", result: 42 },
  {
    what: "r6 survives a call, and each function has its own stack",
    asm: `r6 = 7; *(u64 *)(r10 - 8) = 1; call f; r1 = *(u64 *)(r10 - 8); r0 += r1; r0 += r6; exit
          f: r6 = 100; *(u64 *)(r10 - 8) = 50; r0 = *(u64 *)(r10 - 8); exit`,
    result: 58,
  },
  {
    what: "a loop",
    asm: "r0 = 0; r1 = 10; again: r0 += r1; r1 -= 1; if r1 != 0 goto again; exit",
    result: 55,
  },
  { what: "gotol over instructions", asm: "r0 = 1; gotol +1; r0 = 2; exit", result: 1 },
  {
    what: "64-bit multiplication keeps the upper half",
    asm: "r0 = 0x100000001 ll; r1 = 0x300000002 ll; r0 *= r1; r0 >>= 32; exit",
    result: 5,
  },
  { what: "64-bit unsigned division", asm: "r0 = -1; r1 = 0x100000000 ll; r0 /= r1; exit", result: 0xffffffff },
  { what: "an immediate divisor is sign-extended", asm: "r0 = -1; r0 /= -1; exit", result: 1 },
];
