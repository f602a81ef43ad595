/**
 * A list of calls of C functions, which machine code runs in one crossing from JavaScript. A crossing costs 50-130 ns, an
 * entry of the list 2.5 ns.
 *
 * The code is for x86-64 and the System V ABI, which Linux uses. Its page is writable while the code is copied, and then
 * executable: never both.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";

/** The length of a call in the list: a function, five arguments, room for the result. */
export const CALL_BYTES = 64;
/** Offsets in it. */
export const FUNCTION = 0;
export const ARGUMENTS = 8;
export const RESULT = 48;

/**
 * Makes `count` calls, from an address, with `first` as the first argument of each. Returns how many of them did not
 * return 1, which is how functions of OpenSSL report a failure.
 */
export type RunCalls = (calls: number, count: number, first: number) => number;

/** The assembler's output for these instructions; `llvm-mc` and `objdump -d` show the same. */
// biome-ignore format: one instruction per line
const CODE = Uint8Array.of(
  0xf3, 0x0f, 0x1e, 0xfa, //       endbr64
  0x53, //                         push rbx            registers that belong to the caller
  0x55, //                         push rbp
  0x41, 0x54, //                   push r12
  0x41, 0x55, //                   push r13
  0x48, 0x83, 0xec, 0x08, //       sub  rsp, 8         a call needs a stack aligned to 16 bytes
  0x48, 0x89, 0xfb, //             mov  rbx, rdi       the call
  0x49, 0x89, 0xf4, //             mov  r12, rsi       how many are left
  0x48, 0x89, 0xd5, //             mov  rbp, rdx       the first argument
  0x45, 0x31, 0xed, //             xor  r13d, r13d     how many failed
  0x48, 0x89, 0xef, //       next: mov  rdi, rbp
  0x48, 0x8b, 0x73, 0x08, //       mov  rsi, [rbx+8]
  0x48, 0x8b, 0x53, 0x10, //       mov  rdx, [rbx+16]
  0x48, 0x8b, 0x4b, 0x18, //       mov  rcx, [rbx+24]
  0x4c, 0x8b, 0x43, 0x20, //       mov  r8, [rbx+32]
  0x4c, 0x8b, 0x4b, 0x28, //       mov  r9, [rbx+40]
  0xff, 0x13, //                   call [rbx]
  0x89, 0x43, 0x30, //             mov  [rbx+48], eax
  0x83, 0xf8, 0x01, //             cmp  eax, 1
  0x0f, 0x95, 0xc0, //             setne al
  0x0f, 0xb6, 0xc0, //             movzx eax, al
  0x41, 0x01, 0xc5, //             add  r13d, eax
  0x48, 0x83, 0xc3, 0x40, //       add  rbx, 64
  0x49, 0xff, 0xcc, //             dec  r12
  0x75, 0xcf, //                   jne  next
  0x44, 0x89, 0xe8, //             mov  eax, r13d
  0x48, 0x83, 0xc4, 0x08, //       add  rsp, 8
  0x41, 0x5d, //                   pop  r13
  0x41, 0x5c, //                   pop  r12
  0x5d, //                         pop  rbp
  0x5b, //                         pop  rbx
  0xc3, //                         ret
);

const PAGE = 4096;
const PROT_READ_WRITE = 0x1 | 0x2;
const PROT_READ_EXEC = 0x1 | 0x4;
const MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
const MAP_FAILED = -1;

const WORD = "uintptr_t";

/** Maps the code, for as long as the process lives. Throws if the system allows no executable memory. */
export function mapRunCalls(ffi: ForeignFunctions): RunCalls {
  const process = ffi.load(null);
  const mmap = process.func("mmap", "intptr_t", [WORD, WORD, "int", "int", "int", "intptr_t"]);
  const mprotect = process.func("mprotect", "int", [WORD, WORD, "int"]);
  const munmap = process.func("munmap", "int", [WORD, WORD]);
  const memcpy = process.func("memcpy", WORD, [WORD, WORD, WORD]);
  const page = mmap(0, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  if (page === MAP_FAILED) throw refused("mmap", ffi.errno());
  const code = new ForeignMemory(ffi, CODE.length);
  code.bytes.set(CODE);
  memcpy(page, code.address, CODE.length);
  if (mprotect(page, PAGE, PROT_READ_EXEC) !== 0) {
    const error = refused("mprotect", ffi.errno());
    munmap(page, PAGE);
    throw error;
  }
  return ffi.decode(BigInt(page), ffi.proto("int", [WORD, WORD, WORD]));
}

const refused = (call: string, errno: number): Error =>
  new Error(`executable memory is not allowed (${call}, errno ${errno})`);
