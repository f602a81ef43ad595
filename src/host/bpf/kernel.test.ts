// Programs of examples/bpf in the Linux kernel and in our engines. Needs root, Linux and koffi; otherwise skipped.
import { describe, expect, test } from "vitest";
import { objectBytes } from "../../../test/vectors/bpf/objects.ts";
import type { ForeignFunctions } from "../../base/foreign.ts";
import { assemble, BpfError, encodeCode, loadObject, Machine, parseCode, parseObject, XDP } from "../../bpf/index.ts";
import { mixedPackets } from "../../bpf/testing/packets.ts";
import { VECTORS } from "../../bpf/testing/vectors.ts";
import { toHex } from "../../wire/hex.ts";
import { koffi } from "../engine/testing/koffi.ts";
import { KernelEngine, KernelRefusal } from "./kernel.ts";

/** Undefined if bpf(2) is not permitted here. */
const engine = ((): KernelEngine | undefined => {
  if (koffi === undefined || process.getuid?.() !== 0) return undefined;
  try {
    const kernel = new KernelEngine(koffi);
    const machine = new Machine();
    kernel
      .load(machine, machine.load({ name: "probe", type: XDP, code: parseCode(encodeCode(assemble("r0 = 2\nexit"))) }))
      .close();
    return kernel;
  } catch {
    return undefined;
  }
})();

describe.skipIf(engine === undefined)("the kernel", () => {
  test("agrees with the vectors that its verifier accepts", () => {
    let accepted = 0;
    for (const { what, asm, result } of VECTORS) {
      const machine = new Machine();
      const code = parseCode(encodeCode(assemble(asm.replaceAll(";", "\n"))));
      try {
        using program = engine!.load(machine, machine.load({ name: "vector", type: XDP, code }));
        accepted += 1;
        expect(program.run(new Uint8Array(14)).result, what).toBe(result);
      } catch (error) {
        if (!(error instanceof KernelRefusal)) throw error;
      }
    }
    expect(accepted).toBeGreaterThan(15);
  });

  test.each(["firewall", "balancer", "router", "parser", "dispatch", "events"])(
    "agrees with our engines on %s",
    (name) => {
      const machine = new Machine();
      const programs = [...loadObject(machine, parseObject(objectBytes(name))).values()];
      const program = programs.at(-1)!;
      const names = new Set(machine.maps.map(({ definition }) => definition.name));
      if (names.has("blocked")) machine.map("blocked").set(Uint8Array.of(53, 0), new Uint8Array(8));
      if (names.has("routes"))
        machine.map("routes").set(Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0), new Uint8Array(16).fill(1));
      if (names.has("backends")) {
        for (let i = 0; i < 4; i += 1)
          machine.map("backends").set(Uint8Array.of(i, 0, 0, 0), new Uint8Array(12).fill(i + 1));
      }
      using kernel = engine!.load(machine, program, programs);
      for (const packet of mixedPackets(100, 9)) {
        const ours = machine.run(program, { packet });
        const theirs = kernel.run(packet);
        // Events that nobody reads fill both rings alike.
        expect(`${theirs.result} ${toHex(theirs.packet)}`).toBe(`${ours.low >>> 0} ${toHex(ours.packet)}`);
      }
    },
  );

  test("refuses a packet that is too long", () => {
    const machine = new Machine();
    const code = parseCode(encodeCode(assemble("r0 = 2\nexit")));
    using program = engine!.load(machine, machine.load({ name: "long", type: XDP, code }));
    expect(() => program.run(new Uint8Array(65_537))).toThrow(BpfError);
  });

  test("says why it refuses", () => {
    const machine = new Machine();
    const program = machine.load({ name: "bad", type: XDP, code: parseCode(encodeCode(assemble("r0 = r3\nexit"))) });
    expect(() => engine!.load(machine, program)).toThrow("R3 !read_ok");
  });
});

test("says what is needed if bpf(2) is not permitted, also for a program without maps", () => {
  const EPERM = 1;
  const foreign = {
    version: "",
    load: () => ({ func: () => () => -1 }),
    address: () => 0n,
    errno: () => EPERM,
  } as unknown as ForeignFunctions;
  const machine = new Machine();
  const program = machine.load({ name: "p", type: XDP, code: parseCode(encodeCode(assemble("r0 = 2\nexit"))) });
  let error: unknown;
  try {
    new KernelEngine(foreign).load(machine, program);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(BpfError);
  expect(error).not.toBeInstanceOf(KernelRefusal);
  expect((error as BpfError).message).toContain("needs root, or CAP_BPF and CAP_NET_ADMIN");
});
