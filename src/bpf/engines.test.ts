// RFC 9669 §4 and §5 on every engine: one list of programs.
import { describe, expect, test } from "vitest";
import { BpfError } from "./errors.ts";
import { assemble, encodeCode, parseCode } from "./isa/index.ts";
import { type EngineName, Machine, type MachineOptions, type RunInput } from "./machine/index.ts";
import { RAW, SOCKET_FILTER } from "./program-types/index.ts";
import { VECTORS } from "./testing/vectors.ts";

const ENGINES: readonly EngineName[] = ["interp", "jit"];

const lines = (text: string): string => text.replaceAll(";", "\n");

function run(engine: EngineName, asm: string, input: RunInput = {}, options: MachineOptions = {}) {
  const machine = new Machine(options);
  const code = parseCode(encodeCode(assemble(lines(asm))));
  return machine.run(machine.load({ name: "test", type: RAW, code }), { ...input, engine });
}

function errorOf(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe.each(ENGINES)("%s", (engine) => {
  test.each(VECTORS)("$what", ({ asm, result }) => {
    expect(run(engine, asm).low >>> 0).toBe(result);
  });

  test("reads and writes the packet", () => {
    const packet = Uint8Array.of(1, 2, 3, 4);
    const result = run(engine, "r0 = *(u16 *)(r1 + 2); *(u8 *)(r1 + 0) = 9; r0 += r2; exit", { packet });
    expect(result.low).toBe(0x0403 + 4);
    expect(result.packet).toEqual(Uint8Array.of(9, 2, 3, 4));
    expect(packet[0]).toBe(1);
  });

  test.each([
    ["one byte after the packet", "r0 = *(u32 *)(r1 + 1); exit", "MEMORY", 0],
    ["before the stack", "*(u8 *)(r10 - 513) = 1; exit", "MEMORY", 0],
    ["a null pointer", "r3 = 0; *(u64 *)(r3 + 0) = 1; exit", "MEMORY", 1],
    ["an address of more than 32 bits", "r3 = 0x100000000 ll; r3 += r1; r0 = *(u8 *)(r3 + 0); exit", "MEMORY", 3],
    ["an unknown helper", "call 9999; exit", "HELPER", 0],
    ["an endless loop", "r0 = 0; again: r0 += 1; goto again", "BUDGET", undefined],
    ["endless recursion", "f: call f; exit", "DEPTH", 0],
  ] as const)("faults: %s", (_what, asm, code, pc) => {
    const error = errorOf(() => run(engine, asm, { packet: Uint8Array.of(1, 2, 3, 4), budget: 10_000 }));
    expect(error.code).toBe(code);
    if (pc !== undefined) expect(error.pc).toBe(pc);
  });

  test("packet instructions read in network order, and end the program outside of the packet", () => {
    const machine = new Machine();
    const load = (asm: string) =>
      machine.load({ name: "p", type: SOCKET_FILTER, code: parseCode(encodeCode(assemble(lines(asm)))) });
    const packet = Uint8Array.of(0, 1, 2, 3, 4, 5);
    const at = load("r6 = r1; r0 = *(u16 *)skb[2]; r7 = r0; r1 = 3; r0 = *(u8 *)skb[r1 + 1]; r0 += r7; exit");
    expect(machine.run(at, { packet, engine }).low).toBe(0x0203 + 4);
    const beyond = load("r6 = r1; r0 = *(u32 *)skb[3]; r0 = 5; exit");
    expect(machine.run(beyond, { packet, engine }).low).toBe(0);
  });

  test("a helper of the user gets its arguments and returns a number or 64 bits", () => {
    const helpers = [
      {
        id: 700,
        name: "sum",
        arguments: ["scalar", "scalar"],
        returns: "scalar",
        run: (call) => call.signed(1) + call.signed(2),
      },
      { id: 701, name: "wide", arguments: [], returns: "scalar", run: (call) => call.result64(1, 2) },
    ] satisfies MachineOptions["helpers"];
    expect(run(engine, "r1 = -5; r2 = 3; call 700; exit", {}, { helpers }).value).toBe(0xffff_ffff_ffff_fffen);
    expect(run(engine, "call 701; exit", {}, { helpers }).value).toBe(0x2_0000_0001n);
  });
});
