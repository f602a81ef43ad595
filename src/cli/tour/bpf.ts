// eBPF: clang compiles a program, and our machine runs it.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadObject, Machine, parseObject } from "../../bpf/index.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

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
      return `${PACKETS} packets through ${program.code.length} instructions; ${dropped} dropped, as the map says`;
    },
  },
];
