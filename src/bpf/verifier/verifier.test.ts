// What the verifier accepts and refuses, with the reason; and that what it accepts runs the same on both engines.
import { describe, expect, test } from "vitest";
import { objectBytes } from "../../../test/vectors/bpf/objects.ts";
import { SeededRng } from "../../base/rng.ts";
import { toHex } from "../../wire/hex.ts";
import { parseObject } from "../elf/index.ts";
import { BpfError } from "../errors.ts";
import { assemble, encodeCode, type Operation, parseCode } from "../isa/index.ts";
import { loadObject, Machine } from "../machine/index.ts";
import { type ProgramType, RAW, SCHED_CLS, SOCKET_FILTER, XDP } from "../program-types/index.ts";
import { mixedPackets } from "../testing/packets.ts";
import { randomProgram, VALUE_BYTES } from "../testing/random-program.ts";
import { liveRegisters } from "./liveness.ts";
import * as scalar from "./scalar.ts";
import * as tnum from "./tnum.ts";

const MAP = "r1 = imm64 5 0 0";
const KEY = "*(u32 *)(r10 - 4) = 1; r2 = r10; r2 += -4";
const PACKET = "r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4)";

function check(asm: string, type: ProgramType = XDP, memory = 0) {
  const machine = new Machine({ maxPacket: 256 });
  machine.addMap({ name: "values", type: "hash", keySize: 4, valueSize: 16, maxEntries: 4 });
  machine.addMap({ name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 });
  machine.addMap({ name: "calls", type: "prog-array", keySize: 4, valueSize: 4, maxEntries: 4 });
  machine.addMap({ name: ".rodata", type: "array", keySize: 4, valueSize: 8, maxEntries: 1, readOnly: true });
  const code = parseCode(encodeCode(assemble(asm.replaceAll(";", "\n"))));
  return machine.verify(machine.load({ name: "test", type, code }), { memory, budget: 20_000 });
}

const lookup = (after: string): string => `${KEY}; ${MAP}; call 1; ${after}`;
const reserve = (after: string): string => `r1 = imm64 5 1 0; r2 = 16; r3 = 0; call 131; ${after}`;

describe("accepts", () => {
  test.each<[string, string, ProgramType?, number?]>([
    ["arithmetic", "r0 = 7; r0 *= r0; r0 /= 3; exit"],
    [
      "a packet access after a comparison",
      `${PACKET}; r4 = r2; r4 += 14; r0 = 0; if r4 > r3 goto +1; r0 = *(u16 *)(r2 + 12); exit`,
    ],
    [
      "the same comparison the other way around",
      `${PACKET}; r4 = r2; r4 += 14; r0 = 0; if r3 < r4 goto +1; r0 = *(u16 *)(r2 + 12); exit`,
    ],
    [
      "an offset below a limit",
      `${PACKET}; r4 = r2; r4 += 1; r0 = 0; if r4 > r3 goto end; r5 = *(u8 *)(r2 + 0); r5 &= 15; r5 <<= 2; r2 += r5; r4 = r2; r4 += 4; if r4 > r3 goto end; r0 = *(u32 *)(r2 + 0); end: exit`,
    ],
    [
      "a map value after the comparison with null",
      lookup("if r0 == 0 goto end; r1 = *(u64 *)(r0 + 8); r0 = r1; exit; end: r0 = 0; exit"),
    ],
    [
      "an index that a comparison bounds",
      lookup(
        "r6 = r0; r0 = 0; if r6 == 0 goto end; r1 = *(u8 *)(r6 + 0); if r1 > 15 goto end; r6 += r1; r0 = *(u8 *)(r6 + 0); end: exit",
      ),
    ],
    [
      "a bound on a copy",
      lookup(
        "r6 = r0; r0 = 0; if r6 == 0 goto end; r1 = *(u64 *)(r6 + 0); r2 = r1; if r2 > 15 goto end; r6 += r1; r0 = *(u8 *)(r6 + 0); end: exit",
      ),
    ],
    [
      "a signed bound",
      lookup(
        "r6 = r0; r0 = 0; if r6 == 0 goto end; r1 = *(u64 *)(r6 + 0); if r1 s< 0 goto end; if r1 s> 8 goto end; r6 += r1; r0 = *(u64 *)(r6 + 0); end: exit",
      ),
    ],
    ["a bounded loop", "r0 = 0; r1 = 0; again: r0 += r1; r1 += 1; if r1 < 100 goto again; exit"],
    [
      "a loop that an unknown number ends earlier",
      `r6 = *(u32 *)(r1 + 12); r0 = 0; r1 = 0; again: if r1 >= r6 goto end; r0 += 2; r1 += 1; if r1 < 50 goto again; end: exit`,
    ],
    ["a spilled pointer", `*(u64 *)(r10 - 8) = r1; r2 = *(u64 *)(r10 - 8); r0 = *(u32 *)(r2 + 12); exit`],
    [
      "a function with a stack of its own, and a pointer to its caller's",
      "*(u64 *)(r10 - 8) = 5; r1 = r10; r1 += -8; call f; exit; f: *(u64 *)(r10 - 8) = 1; r0 = *(u64 *)(r1 + 0); exit",
    ],
    [
      "a record that is submitted",
      reserve("if r0 == 0 goto end; *(u64 *)(r0 + 8) = 1; r1 = r0; r2 = 0; call 132; end: r0 = 0; exit"),
    ],
    ["global constants", "r1 = imm64 6 3 0; r0 = *(u64 *)(r1 + 0); exit"],
    ["packet instructions", "r6 = r1; r0 = *(u16 *)skb[12]; exit", SOCKET_FILTER],
    ["a write to the context's fields for it", "*(u32 *)(r1 + 8) = 3; r0 = 0; exit", SCHED_CLS],
    ["memory of a raw program", "r0 = *(u64 *)(r1 + 8); exit", RAW, 16],
    ["a branch that is never taken", "r1 = 5; if r1 == 5 goto +1; r0 = *(u8 *)(r1 + 0); r0 = 0; exit"],
  ])("%s", (_what, asm, type, memory) => {
    expect(check(asm, type, memory).followed).toBeGreaterThan(0);
  });
});

describe("refuses", () => {
  test.each<[string, string, string, ProgramType?, number?]>([
    ["a register that was not written", "r0 = r3; exit", "r3 is read"],
    ["no result", "exit", "r0 has no value"],
    ["a pointer as result", "r0 = r1; exit", "the result is a pointer"],
    [
      "a packet access by one byte too far",
      `${PACKET}; r4 = r2; r4 += 13; r0 = 0; if r4 > r3 goto +1; r0 = *(u16 *)(r2 + 12); exit`,
      "2 bytes at byte 12 of packet, of which 13 bytes are known",
    ],
    [
      "a packet access before its start",
      `${PACKET}; r4 = r2; r4 += 8; r0 = 0; if r4 > r3 goto +1; r0 = *(u8 *)(r2 - 1); exit`,
      "byte -1 of packet",
    ],
    [
      "a packet pointer after the packet was moved",
      `r6 = r1; ${PACKET}; r7 = r2; r4 = r2; r4 += 8; r0 = 0; if r4 > r3 goto +3; r2 = 0; call 44; r0 = *(u8 *)(r7 + 0); exit`,
      "r7 is read, but nothing was written",
    ],
    ["a map value without the comparison", lookup("r0 = *(u64 *)(r0 + 0); exit"), "compare it with null first"],
    [
      "a map value by one byte too far",
      lookup("if r0 == 0 goto end; r1 = *(u64 *)(r0 + 9); end: r0 = 0; exit"),
      "a value has 16 bytes",
    ],
    [
      "an index without a bound",
      lookup("r6 = r0; r0 = 0; if r6 == 0 goto end; r1 = *(u64 *)(r6 + 0); r6 += r1; r0 = *(u8 *)(r6 + 0); end: exit"),
      "without bounds",
    ],
    [
      "an index that may be negative",
      lookup(
        "r6 = r0; r0 = 0; if r6 == 0 goto end; r1 = *(s8 *)(r6 + 0); if r1 s> 8 goto end; r6 += r1; r0 = *(u8 *)(r6 + 0); end: exit",
      ),
      "bytes -128 to 8",
    ],
    ["an uninitialised key", `r2 = r10; r2 += -4; ${MAP}; call 1; r0 = 0; exit`, "not all written"],
    [
      "half a key on the stack",
      `*(u16 *)(r10 - 4) = 1; r2 = r10; r2 += -4; ${MAP}; call 1; r0 = 0; exit`,
      "not all written",
    ],
    ["the stack below its end", "*(u8 *)(r10 - 513) = 0; r0 = 0; exit", "the stack has bytes -512 to -1"],
    ["the stack above its start", "*(u8 *)(r10 + 0) = 0; r0 = 0; exit", "the stack has bytes"],
    ["a loop without an end", "r0 = 0; again: goto again", "may never end"],
    ["a loop that no one sees the end of", "r0 = 0; again: r0 += 1; if r0 != 0 goto again; exit", "too many paths"],
    ["recursion", "f: call f; exit", "nested more than 8"],
    [
      "a pointer to a stack that is gone",
      "call f; r0 = *(u64 *)(r0 + 0); exit; f: *(u64 *)(r10 - 8) = 1; r0 = r10; r0 += -8; exit",
      "returns a pointer to its own stack",
    ],
    ["a record that is kept", reserve("r0 = 0; exit"), "neither submitted nor discarded"],
    [
      "a record that is given up twice",
      reserve("if r0 == 0 goto end; r6 = r0; r1 = r6; r2 = 0; call 132; r1 = r6; r2 = 0; call 132; end: r0 = 0; exit"),
      "r1 is read|r6 is read",
    ],
    [
      "one record under two names, where another path had two records",
      `r8 = *(u32 *)(r1 + 12); ${reserve(
        `if r0 == 0 goto end; r6 = r0; ${reserve(
          `if r0 == 0 goto free; r7 = r0; if r8 != 0 goto B; goto J; B: r7 = r6; goto J; J: r1 = r6; r2 = 0; call 132; r1 = r7; r2 = 0; call 132; goto end; free: r1 = r6; r2 = 0; call 133; end: r0 = 0; exit`,
        )}`,
      )}`,
      "r1 is read|r7 is read",
    ],
    [
      "a record that is too short",
      reserve("if r0 == 0 goto end; *(u64 *)(r0 + 9) = 1; r1 = r0; r2 = 0; call 133; end: r0 = 0; exit"),
      "it has 16 bytes",
    ],
    ["an unknown helper", "call 9999; exit", "there is no helper 9999"],
    ["a helper of another kind of program", "r2 = 0; call 44; r0 = 0; exit", "is not for programs", SOCKET_FILTER],
    [
      "a helper with the wrong kind of map",
      `${KEY}; r1 = imm64 5 1 0; call 1; r0 = 0; exit`,
      "is not for maps of the kind ringbuf",
    ],
    ["a number as map", `${KEY}; r1 = 5; call 1; exit`, "not a pointer"],
    ["a write to a read-only map", "r1 = imm64 6 3 0; *(u8 *)(r1 + 0) = 1; r0 = 0; exit", "read-only"],
    ["a field that does not exist", "r0 = *(u32 *)(r1 + 24); exit", "4 bytes at 24 of the context"],
    ["a write to the context", "*(u32 *)(r1 + 0) = 1; r0 = 0; exit", "writes 4 bytes at 0 of the context (data)"],
    ["multiplication of a pointer", "r1 *= 2; r0 = 0; exit", '"mul" on a pointer'],
    [
      "a pointer in a map",
      lookup("if r0 == 0 goto end; *(u64 *)(r0 + 0) = r10; end: r0 = 0; exit"),
      "only a whole slot of the stack",
    ],
    [
      "an atomic operation that is not aligned",
      "*(u64 *)(r10 - 8) = 0; *(u64 *)(r10 - 16) = 0; r1 = 1; lock *(u64 *)(r10 - 12) += r1; r0 = 0; exit",
      "not aligned",
    ],
    [
      "a packet instruction without the context",
      "r6 = 0; r0 = *(u8 *)skb[0]; exit",
      "r6 is 0, not a pointer",
      SOCKET_FILTER,
    ],
    ["raw memory by one byte too far", "r0 = *(u64 *)(r1 + 9); exit", "it has 16 bytes", RAW, 16],
  ])("%s", (_what, asm, reason, type, memory) => {
    expect(() => check(asm, type, memory)).toThrow(new RegExp(reason.replace(/[()]/g, "\\$&")));
  });
});

test("paths that differ in nothing are followed once, though numbers are linked", () => {
  const diamond = (_: unknown, n: number): string => `call 7; if r0 > 3 goto j${n}; r9 = 0; j${n}: r9 = 0`;
  const diamonds = Array.from({ length: 14 }, diamond).join("; ");
  const { followed } = check(`r6 = *(u32 *)(r1 + 12); r7 = r6; r9 = 0; ${diamonds}; r0 = r6; r0 += r7; exit`);
  expect(followed).toBeLessThan(100);
});

test.each(["devmap", "devmap-hash", "sockmap", "cpumap", "xskmap", "reuseport-sockarray"] as const)(
  "refuses to look up, change or delete entries of a %s, which the host owns",
  (type) => {
    for (const helper of [1, 2, 3]) {
      const machine = new Machine();
      machine.addMap({ name: "devices", type, keySize: 4, valueSize: 4, maxEntries: 4 });
      const asm = `${KEY}; r3 = r2; r4 = 0; r1 = imm64 5 0 0; call ${helper}; r0 = 0; exit`;
      const code = parseCode(encodeCode(assemble(asm.replaceAll(";", "\n"))));
      expect(() => machine.verify(machine.load({ name: "test", type: XDP, code }))).toThrow(
        `is not for maps of the kind ${type}`,
      );
    }
  },
);

test("the instructions that later ones depend on are found without a scan for each jump backwards", () => {
  // The end is near the start, and everything jumps backwards to it: 0 → 2999 → 2998 → … → 1.
  const length = 3000;
  const jump = (target: number): Operation => ({ kind: "jump", target, long: false });
  const code = Array.from(
    { length },
    (_, pc): Operation => (pc === 1 ? { kind: "exit" } : jump(pc === 0 ? length - 1 : pc - 1)),
  );
  let looks = 0;
  const counted = new Proxy(code, {
    get(target, key, receiver) {
      looks += 1;
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
  expect([...liveRegisters(counted)].slice(0, length).every((live) => (live & 1) === 1)).toBe(true);
  expect(looks).toBeLessThan(length * 30);
});

test("explains with the line of C, the instruction and the registers", () => {
  const machine = new Machine();
  const object = parseObject(objectBytes("firewall"));
  const program = object.programs[0]!;
  // As if its second comparison always held, the program reads beyond what it knows.
  const code = program.code.map((each, pc) =>
    each?.kind === "branch" && program.lineAt(pc)!.text.includes("ip + 1")
      ? ({ kind: "jump", target: each.target, long: false } as const)
      : each,
  );
  const [loaded] = [...loadObject(machine, { ...object, programs: [{ ...program, code }] }).values()];
  let error: unknown;
  try {
    machine.verify(loaded!);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(BpfError);
  const { message, line, explanation } = error as BpfError;
  expect(line?.text).toMatch(/ip->/);
  expect(message).toMatch(/firewall\.c:\d+: instruction \d+: reads 1 bytes at byte \d+ of packet/);
  expect(explanation.join("\n")).toMatch(/r\d = packet/);
});

describe("numbers", () => {
  // Small enough to try every pair: abstract results contain all concrete ones.
  const ranges = [
    ...[scalar.known(0n), scalar.known(5n), scalar.known(-3n), scalar.unsigned(0n, 7n), scalar.unsigned(3n, 12n)],
    ...[scalar.signed(-4n, 3n), scalar.unsigned(0xffff_fffan, 0x1_0000_0003n), scalar.unsigned(8n, 8n)],
  ];
  const members = (each: scalar.Scalar): bigint[] => {
    const found: bigint[] = [];
    const span = each.smax - each.smin;
    for (let i = 0n; i <= span && i < 40n; i += 1n) found.push(BigInt.asUintN(64, each.smin + i));
    return found;
  };

  test.each<[string, (a: scalar.Scalar, b: scalar.Scalar) => scalar.Scalar, (a: bigint, b: bigint) => bigint]>([
    ["add", scalar.add, (a, b) => a + b],
    ["subtract", scalar.subtract, (a, b) => a - b],
    ["multiply", scalar.multiply, (a, b) => a * b],
    ["and", scalar.and, (a, b) => a & b],
    ["or", scalar.or, (a, b) => a | b],
    ["xor", scalar.xor, (a, b) => a ^ b],
    ["divide", scalar.divide, (a, b) => (b === 0n ? 0n : a / b)],
    ["modulo", scalar.modulo, (a, b) => (b === 0n ? a : a % b)],
    ["truncate", (a) => scalar.truncate(a, 32), (a) => a & 0xffff_ffffn],
    ["sign-extend", (a) => scalar.signExtend(a, 8), (a) => BigInt.asIntN(8, a)],
    ["shift left", (a) => scalar.shiftLeft(a, 3n), (a) => a << 3n],
    ["shift right", (a) => scalar.shiftRight(a, 2n), (a) => a >> 2n],
    ["shift right, signed", (a) => scalar.shiftRightSigned(a, 1n), (a) => BigInt.asIntN(64, a) >> 1n],
  ])("%s is sound", (_name, abstract, concrete) => {
    for (const left of ranges) {
      for (const right of ranges) {
        const result = abstract(left, right);
        for (const a of members(left)) {
          for (const b of members(right)) {
            const value = BigInt.asUintN(64, concrete(a, b));
            const isInside = scalar.contains(result, scalar.known(value));
            if (!isInside) throw new Error(`${a} and ${b} give ${value}, which is not in the result`);
          }
        }
      }
    }
    expect(tnum.contains(tnum.UNKNOWN, tnum.constant(1n))).toBe(true);
  });
});

test("programs of clang are safe, and give the same on both engines", () => {
  const packets = mixedPackets(50, 4);
  for (const name of ["firewall", "balancer", "router", "parser", "dispatch", "events"]) {
    const outcomes = (["interp", "jit"] as const).map((engine) => {
      const machine = new Machine();
      const programs = [...loadObject(machine, parseObject(objectBytes(name))).values()];
      for (const program of programs) machine.verify(program);
      const program = programs.at(-1)!;
      return packets.map((packet) => {
        const result = machine.run(program, { packet, engine });
        return `${result.value} ${toHex(result.packet)}`;
      });
    });
    expect(outcomes[1], name).toEqual(outcomes[0]);
  }
});

test("random programs that are safe give the same on both engines", () => {
  const rng = new SeededRng(20);
  let accepted = 0;
  for (let round = 0; round < 25; round += 1) {
    const code = parseCode(encodeCode(randomProgram(rng, { length: 20, risk: 0.02 })));
    const results = (["interp", "jit"] as const).map((engine) => {
      const machine = new Machine({ maxPacket: 256 });
      const sizes = { keySize: 4, valueSize: VALUE_BYTES, maxEntries: 4 };
      machine.addMap({ name: "array", type: "array", ...sizes });
      machine
        .addMap({ name: "hash", type: "hash", ...sizes })
        .set(Uint8Array.of(1, 0, 0, 0), new Uint8Array(VALUE_BYTES));
      const program = machine.load({ name: "random", type: XDP, code });
      try {
        machine.verify(program, { budget: 50_000 });
      } catch (error) {
        if (error instanceof BpfError) return undefined;
        throw error;
      }
      const packet = new Uint8Array(64).fill(round);
      const result = machine.run(program, { packet, engine });
      return `${result.value} ${toHex(result.packet)} ${[...machine.maps[1]!.keys()].map((key) => toHex(machine.maps[1]!.get(key)!))}`;
    });
    expect(results[1]).toBe(results[0]);
    if (results[0] !== undefined) accepted += 1;
  }
  expect(accepted).toBeGreaterThan(10);
});
