// eBPF: clang compiles a program, and our machine runs it; the kernel runs the same as our engines.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assemble, encodeCode, loadObject, Machine, parseCode, parseObject, XDP } from "../../bpf/index.ts";
import { KernelEngine, type KernelProgram, KernelRefusal } from "../../host/bpf/kernel.ts";
import { loadKoffi } from "../../host/engine/koffi.ts";
import { peerPath, runPeer } from "./peer.ts";
import { NoPeer, type Row } from "./row.ts";

/** Counts packets by their verdict: drops those with an odd first byte. */
const SOURCE = `
struct xdp_md { unsigned data, data_end, data_meta; };
struct { int (*type)[2]; int (*max_entries)[4]; unsigned *key; unsigned long long *value; } counts
  __attribute__((section(".maps"), used));
static void *(*lookup)(void *map, const void *key) = (void *)1;
__attribute__((section("xdp"), used)) int odd(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  if (data + 1 > (unsigned char *)(long)context->data_end) return 0;
  unsigned verdict = data[0] & 1 ? 1 : 2;
  unsigned long long *count = lookup(&counts, &verdict);
  if (count) *count += 1;
  return verdict;
}
`;
const PACKETS = 1000;

export const BPF_ROWS: readonly Row[] = [
  {
    system: "ebpf",
    peer: "clang",
    against: "clang",
    command: "clang -target bpf -O2 -g -c odd.c; nagare bpf run odd.o --data 01",
    async run(context) {
      const clang = await peerPath(context, "clang", "clang-19", "clang-14");
      const source = join(context.directory, "odd.c");
      const object = join(context.directory, "odd.o");
      await writeFile(source, SOURCE);
      await runPeer(context, clang, ["-target", "bpf", "-O2", "-g", "-c", source, "-o", object]);
      const machine = new Machine();
      const program = loadObject(machine, parseObject(await readFile(object))).get("odd");
      if (program === undefined) throw new Error("the object has no program");
      for (let i = 0; i < PACKETS; i += 1) {
        const { low } = machine.run(program, { packet: Uint8Array.of(i, 0) });
        if (low !== (i % 2 === 1 ? 1 : 2)) throw new Error(`the verdict of packet ${i} is ${low}`);
      }
      const count = machine.map("counts").get(Uint8Array.of(1, 0, 0, 0));
      const dropped = count === undefined ? 0 : new DataView(count.buffer).getUint32(0, true);
      if (dropped !== PACKETS / 2) throw new Error(`the map counts ${dropped} packets`);
      machine.verify(program);
      const proved = Array.from(
        { length: 2 },
        (_, byte) => machine.run(program, { packet: Uint8Array.of(byte, 0), engine: "jit" }).low,
      );
      if (proved.join() !== "2,1") throw new Error(`compiled, the verdicts are ${proved.join()}`);
      return `${PACKETS} packets through ${program.code.length} instructions; ${dropped} dropped, as the map says`;
    },
  },
  {
    system: "ebpf",
    peer: "kernel",
    against: "the Linux kernel",
    command: "nagare bpf run program.o --engine kernel",
    async run() {
      const loaded = await loadKoffi();
      if (!("koffi" in loaded)) throw new NoPeer(loaded.reason);
      if (process.getuid?.() !== 0) throw new NoPeer("bpf(2) needs root");
      const machine = new Machine();
      const program = machine.load({ name: "mix", type: XDP, code: parseCode(encodeCode(assemble(MIX))) });
      machine.verify(program);
      let kernel: KernelProgram;
      try {
        kernel = new KernelEngine(loaded.koffi).load(machine, program);
      } catch (error) {
        if (error instanceof KernelRefusal) throw error;
        throw new NoPeer(error instanceof Error ? error.message : String(error));
      }
      using opened = kernel;
      for (let i = 0; i < PACKETS; i += 1) {
        const packet = new Uint8Array(64).fill(i).fill(i >> 8, 5, 30);
        const results = [
          ...(["interp", "jit"] as const).map((engine) => machine.run(program, { packet, engine }).low >>> 0),
          opened.run(packet).result,
        ];
        if (new Set(results).size > 1) throw new Error(`packet ${i}: ${results.join(", ")}`);
      }
      return `${PACKETS} packets: the same results by interpreter, compiler and kernel`;
    },
  },
];

/** Mixes the first 32 bytes of a packet in a loop. */
const MIX = `
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r4 = r2
r4 += 32
r0 = 0
if r4 > r3 goto end
r5 = 0
again: r6 = *(u64 *)(r2 + 0)
r0 ^= r6
r0 *= 1640531527
r6 = r0
r6 >>= 29
r0 ^= r6
r2 += 8
r5 += 1
if r5 < 4 goto again
r1 = r0
r1 >>= 32
w0 ^= w1
end: exit
`;
