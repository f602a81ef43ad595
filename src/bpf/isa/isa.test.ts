// RFC 9669 §3–§5: bytes, operations and text are three forms of one thing.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { BpfError } from "../errors.ts";
import { assemble, decode, disassemble, encode, encodeCode, parseCode, readFields, writeFields } from "./index.ts";

const hexOf = (text: string): string => toHex(encodeCode(assemble(text)));

describe("the assembler", () => {
  test.each([
    ["add32 %r1, 5", "w1 += 5", "0401000005000000"],
    ["add %r1, %r2", "r1 += r2", "0f21000000000000"],
    ["sdiv %r1, -3", "r1 s/= -3", "37010100fdffffff"],
    ["smod32 %r1, %r2", "w1 s%= w2", "9c21010000000000"],
    ["mov32 %r0, 0xffffffff", "w0 = 0xffffffff", "b4000000ffffffff"],
    ["movsx1664 %r3, %r4", "r3 = (s16)r4", "bf43100000000000"],
    ["neg32 %r2", "w2 = -w2", "8402000000000000"],
    ["be16 %r7", "r7 = be16 r7", "dc07000010000000"],
    ["swap64 %r7", "r7 = bswap64 r7", "d707000040000000"],
    ["ldxdw %r0, [%r1+24]", "r0 = *(u64 *)(r1 + 24)", "7910180000000000"],
    ["ldxsb %r0, [%r10-8]", "r0 = *(s8 *)(r10 - 8)", "91a0f8ff00000000"],
    ["stxh [%r1+2], %r3", "*(u16 *)(r1 + 2) = r3", "6b31020000000000"],
    ["stw [%r1], 7", "*(u32 *)(r1 + 0) = 7", "6201000007000000"],
    ["lock add [%r1], %r3", "lock *(u64 *)(r1 + 0) += r3", "db31000000000000"],
    ["lock fetch xor [%r1], %r2", "r2 = atomic_fetch_xor((u64 *)(r1 + 0), r2)", "db210000a1000000"],
    ["lock xchg32 [%r1+4], %r5", "w5 = xchg_32(r1 + 4, w5)", "c3510400e1000000"],
    ["lock cmpxchg [%r1], %r3", "r0 = cmpxchg_64(r1 + 0, r0, r3)", "db310000f1000000"],
    ["lddw %r1, 0x1122334455667788", "r1 = 0x1122334455667788 ll", "18010000887766550000000044332211"],
    ["jsgt32 %r1, 3, +2", "if w1 s> 3 goto +2", "6601020003000000"],
    ["jset %r1, %r2, -1", "if r1 & r2 goto -1", "4d21ffff00000000"],
    ["ja32 +70000", "gotol +70000", "0600000070110100"],
    ["ldabsh 12", "r0 = *(u16 *)skb[12]", "280000000c000000"],
    ["ldindb %r3, 1", "r0 = *(u8 *)skb[r3 + 1]", "5030000001000000"],
    ["call 5", "call 5", "8500000005000000"],
    ["call local +1", "call +1", "8510000001000000"],
    ["exit", "exit", "9500000000000000"],
  ])("%s = %s", (mnemonic, pseudo, bytes) => {
    expect(hexOf(mnemonic)).toBe(bytes);
    expect(hexOf(pseudo)).toBe(bytes);
  });

  test("resolves labels, forwards and backwards, and takes comments", () => {
    const text = `start: r0 = 1 // one
      if r0 == 1 goto end   # forwards
      goto start
      end: exit`;
    expect(hexOf(text)).toBe("b7000000010000001500010001000000" + "0500fdff000000009500000000000000");
  });

  test.each([
    ["or %r0, %r50", "Invalid register"],
    ["mov32 %r0, 2147483648", "Immediate out of 32-bit range"],
    ["ldxb %r0, [%r1+0x10000]", "Offset out of 16-bit range"],
    ["lddw %r0", "Invalid number of operands for lddw"],
    ["lock or [%r10-8]", "Invalid number of operands for lock"],
    ["ldxq %r0, %r1", "Invalid mnemonic: ldxq"],
    ["ja nowhere", "Invalid label: nowhere"],
    ["a: exit\na: exit", "line 2: Duplicate label: a"],
    ["r0 = w1", "does not have the width"],
  ])("refuses %s", (text, reason) => {
    expect(() => assemble(text)).toThrow(reason);
  });
});

describe("the decoder", () => {
  test.each([
    ["unknown opcode", "ff00000000000000"],
    ["a register above r10", "bfb0000000000000"],
    ["a write to r10", "b70a000001000000"],
    ["a reserved immediate", "9500000001000000"],
    ["a reserved source", "b710000001000000"],
    ["a reserved offset", "0700010001000000"],
    ["END with a register, on 64 bits", "df00000010000000"],
    ["a swap of 8 bits", "d700000008000000"],
    ["MOVSX with an immediate", "b700080001000000"],
    ["MOVSX of 32 bits to 32", "bc10200000000000"],
    ["NEG with a register", "8f00000000000000"],
    ["an atomic operation of 16 bits", "cb10000000000000"],
    ["an unknown atomic operation", "db10000002000000"],
    ["half a 64-bit immediate", "1800000000000000"],
    ["a second half with an opcode", "180000000000000095000000000000009500000000000000"],
    ["a jump out of the program", "0500050000000000"],
    ["a jump into a 64-bit immediate", "05000100000000001800000000000000000000000000000095000000000000" + "00"],
    ["the end of the program without exit", "b700000001000000"],
    ["a length that is no multiple of eight", "950000"],
    ["nothing", ""],
  ])("refuses %s", (_what, bytes) => {
    expect(() => parseCode(fromHex(bytes))).toThrow(BpfError);
  });

  test("reads big-endian objects", () => {
    const [operation] = parseCode(fromHex("b71000000000000295000000000000 00"), { bigEndian: true });
    expect(operation).toMatchObject({ kind: "alu", op: "mov", dst: 1, imm: 2 });
  });

  test("decode and encode, and text in both syntaxes, are inverse for all legal instructions", () => {
    const fields = fc.record({
      opcode: fc.integer({ min: 0, max: 255 }),
      dst: fc.integer({ min: 0, max: 10 }),
      src: fc.constantFrom(0, 0, 0, 1, 2, 3, 9, 10),
      offset: fc.constantFrom(0, 0, 0, 1, 8, 16, -8, 32767, -32768),
      imm: fc.constantFrom(0, 0, 1, 16, 32, 64, -1, 0xe1, 0xf1, 0x41, 2 ** 31 - 1, -(2 ** 31)),
    });
    let legal = 0;
    fc.assert(
      fc.property(fields, fc.integer(), (each, high) => {
        const next = { opcode: 0, dst: 0, src: 0, offset: 0, imm: high | 0 };
        let operation: ReturnType<typeof decode>;
        try {
          operation = decode(each, 0, next);
        } catch (error) {
          if (error instanceof BpfError) return;
          throw error;
        }
        legal += 1;
        const encoded = encode(operation, 0);
        if (each.opcode !== 0x8d) expect(encoded).toEqual(each.opcode === 0x18 ? [each, next] : [each]);
        const bytes = new Uint8Array(8);
        writeFields(bytes, 0, each);
        expect(readFields(bytes, 0)).toEqual(each);
        for (const syntax of ["llvm", "mnemonics"] as const) {
          expect(assemble(disassemble(operation, 0, syntax))).toEqual([operation]);
        }
      }),
      { numRuns: runs(3000) },
    );
    expect(legal).toBeGreaterThan(100);
  });
});
