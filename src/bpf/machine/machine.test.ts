// What joins programs, maps and engines: tail calls between proved and unproved programs, one object twice, compiling early.
import { describe, expect, test } from "vitest";
import { objectBytes } from "../../../test/vectors/bpf/objects.ts";
import { parseObject } from "../elf/index.ts";
import { assemble, encodeCode, parseCode } from "../isa/index.ts";
import { SCHED_CLS, XDP } from "../program-types/index.ts";
import { ipv4Packet } from "../testing/packets.ts";
import { type EngineName, loadObject, Machine } from "./index.ts";

const codeOf = (asm: string) => parseCode(encodeCode(assemble(asm.replaceAll(";", "\n"))));
const word = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);
const CALL_NEXT = "r2 = imm64 5 0 0; r3 = 0; call 12; r0 = 0; exit";

describe.each<EngineName>(["interp", "jit"])("%s", (engine) => {
  /** An unproved program that tail-calls a proved one. */
  function pair(caller: string, target: string) {
    const machine = new Machine();
    const calls = machine.addMap({ name: "calls", type: "prog-array", keySize: 4, valueSize: 4, maxEntries: 1 });
    const [first, second] = [caller, target].map((asm) =>
      machine.load({ name: "program", type: SCHED_CLS, code: codeOf(asm) }),
    ) as [ReturnType<Machine["load"]>, ReturnType<Machine["load"]>];
    calls.set(word(0), word(second.index));
    machine.verify(second);
    return { machine, first, second };
  }

  test("a proved program after an unproved one is checked, since its context may be anything", () => {
    const { machine, first, second } = pair(`r1 = 128; ${CALL_NEXT}`, "*(u32 *)(r1 + 8) = 7; r0 = 5; exit");
    // The proved program has run compiled before, without checks.
    expect(machine.run(second, { engine }).low).toBe(5);
    for (let run = 0; run < 2; run += 1) {
      expect(() => machine.run(first, { engine })).toThrow("outside of its memory");
      expect(machine.run(second, { engine }).low).toBe(5);
    }
  });

  test("a tail call from the deepest function leaves no room for another", () => {
    const nested = Array.from({ length: 7 }, (_, n) => `r1 = r6; call f${n}; exit; f${n}: r6 = r1`).join("; ");
    const target = "r6 = 1; call inner; exit; inner: *(u64 *)(r10 - 8) = 1; r0 = 3; exit";
    const { machine, first, second } = pair(`r6 = r1; ${nested}; r1 = r6; ${CALL_NEXT}`, target);
    expect(machine.run(second, { engine }).low).toBe(3);
    expect(() => machine.run(first, { engine })).toThrow("nested");
  });

  test("one object twice has its maps twice", () => {
    const machine = new Machine();
    const object = parseObject(objectBytes("firewall"));
    const programs = [0, 1].map(() => [...loadObject(machine, object).values()][0]!);
    for (const program of programs) machine.verify(program);
    const blocked = machine.maps.filter(({ definition }) => definition.name === "blocked");
    blocked[1]!.set(Uint8Array.of(53, 0), new Uint8Array(8));
    const verdicts = programs.map((program) => machine.run(program, { packet: ipv4Packet(), engine }).low);
    expect(verdicts).toEqual([2, 1]);
  });

  test.each(["devmap", "devmap-hash"] as const)("redirect_map finds the entries of a %s", (type) => {
    const machine = new Machine();
    const devices = machine.addMap({ name: "devices", type, keySize: 4, valueSize: 8, maxEntries: 4 });
    const program = machine.load({
      name: "program",
      type: XDP,
      code: codeOf("r2 = *(u32 *)(r1 + 16); r1 = imm64 5 0 0; r3 = 2; call 51; exit"),
    });
    machine.verify(program);
    devices.set(word(3), Uint8Array.of(9, 1, 0, 0, 0, 0, 0, 0));
    const run = (key: number) => machine.run(program, { context: { rx_queue_index: key }, engine });
    expect(run(3)).toMatchObject({ low: 4, selection: { map: devices, value: 0x109 } });
    expect(run(2)).toMatchObject({ low: 2, selection: undefined });
    expect(run(70_000)).toMatchObject({ low: 2, selection: undefined });
  });
});

test("a program that was compiled early runs compiled, if it is proved", () => {
  const machine = new Machine();
  const program = machine.load({ name: "program", type: XDP, code: codeOf("r0 = 2; exit") });
  machine.compile(program);
  expect(machine.run(program).engine).toBe("interp");
  machine.verify(program);
  expect(machine.run(program).engine).toBe("interp");
  machine.compile(program);
  expect(machine.run(program).engine).toBe("jit");
});
