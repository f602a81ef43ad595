// `nagare bpf`: programs as text and as objects, packets from digits and captures, and what is wrong with each.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Instant } from "../../src/base/time.ts";
import { ipv4Packet } from "../../src/bpf/testing/packets.ts";
import { interfaceDescription, LinkType, packetBlock, sectionHeader } from "../../src/link/pcapng.ts";
import { toHex } from "../../src/wire/hex.ts";
import { run } from "./run.ts";

const objects = join(import.meta.dirname, "../vectors/bpf");
let directory: string;
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-bpf-"));
});
afterAll(() => rm(directory, { recursive: true }));

test("asm and disasm are inverse", async () => {
  const text = "r0 = 1\nif r0 > 3 goto +1\nr0 += r0\nexit\n";
  const source = await file("double.s", text);
  const binary = join(directory, "double.bin");
  expect(await run(["bpf", "asm", source, "-o", binary])).toMatchObject({ exitCode: 0, stderr: "" });
  const { stdout } = await run(["bpf", "disasm", binary]);
  expect(stdout.replace(/^#.*\n/, "").replace(/^ {2}/gm, "")).toBe(text);
  expect((await run(["bpf", "run", binary])).stdout).toMatch(/: 0x2 in \d+ ns by interp/);
});

test("disasm shows lines of C and maps, and assembles again", async () => {
  const { stdout } = await run(["bpf", "disasm", join(objects, "firewall.o")]);
  expect(stdout).toContain("bpf_map_lookup_elem(&blocked, &port)");
  expect(stdout).toContain("# blocked");
  expect((await run(["bpf", "asm", await file("firewall.s", stdout)])).exitCode).toBe(0);
});

test("names and text of a program cannot steer a terminal, or add lines", async () => {
  const text = await readFile(join(objects, "firewall.o"), "latin1");
  const changed = text.replaceAll("firewall", "fire\nall").replaceAll("blocked", "bl\x1bcked");
  const path = await file("steering.o", Buffer.from(changed, "latin1"));
  const print = await file(
    "print.s",
    "r1 = 0x0a411b68\n*(u64 *)(r10 - 8) = r1\nr1 = r10\nr1 += -8\nr2 = 8\ncall 6\nr0 = 0\nexit\n",
  );
  const [disasm, verify, ran, printed] = await Promise.all([
    run(["bpf", "disasm", path]),
    run(["bpf", "verify", path]),
    run(["bpf", "run", path]),
    run(["bpf", "run", print]),
  ]);
  expect(disasm.stdout).toContain("# bl\\x1bcked");
  for (const { stdout } of [disasm, verify, ran]) {
    expect(stdout).toContain("fire\\x0aall");
    expect(stdout).not.toContain("\x1b");
    expect(stdout).not.toMatch(/^all/m);
  }
  expect((await run(["bpf", "asm", await file("again.s", disasm.stdout)])).exitCode).toBe(0);
  expect(printed.stderr).toBe("h\\x1bA\n");
});

test("run prints a result for each packet of a capture", async () => {
  const blocks = [sectionHeader(), interfaceDescription(LinkType.ethernet)];
  for (const packet of [ipv4Packet(), ipv4Packet().slice(0, 20)]) blocks.push(packetBlock(0 as Instant, packet, 0));
  const capture = await file("two.pcapng", Buffer.concat(blocks));
  const { stdout, exitCode } = await run(["bpf", "run", join(objects, "firewall.o"), "--pcap", capture, "--json"]);
  expect(exitCode).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { verdict: string });
  expect(lines.map(({ verdict }) => verdict)).toEqual(["pass", "drop"]);
});

test("run prints the changed packet, events, and a trace", async () => {
  const syn = toHex(ipv4Packet({ protocol: 6 }));
  const events = await run(["bpf", "run", join(objects, "events.o"), "--data", syn, "--trace"]);
  expect(events.stdout).toMatch(/\n {2}events: 0a0000010a000002/);
  expect(events.stderr).toMatch(/^ {4}0: r\d = .* r10=0x/);
});

test("run compiles what runs often, and both engines agree", async () => {
  const results = await Promise.all(
    [[], ["--engine", "interp"], ["--engine", "jit"]].map((flags) =>
      run(["bpf", "run", join(objects, "parser.o"), "--repeat", "200", "--json", ...flags]),
    ),
  );
  const outcomes = results.map(({ stdout }) => JSON.parse(stdout) as { engine: string; result: string });
  expect(outcomes.map(({ engine }) => engine)).toEqual(["jit", "interp", "jit"]);
  expect(new Set(outcomes.map(({ result }) => result)).size).toBe(1);
});

test("verify says what is safe, and explains what is not", async () => {
  const safe = await run(["bpf", "verify", join(objects, "dispatch.o"), "--json"]);
  expect(safe.exitCode).toBe(0);
  expect(
    safe.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { isSafe: boolean }).isSafe),
  ).toEqual([true, true, true, true]);
  const path = await file("unsafe.s", "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 9)\nexit\n");
  const unsafe = await run(["bpf", "verify", path, "--type", "xdp"]);
  expect(unsafe.exitCode).toBe(1);
  expect(unsafe.stdout).toContain(
    "instruction 1: reads 1 bytes at byte 9 of packet, of which 0 bytes are known to exist",
  );
  expect(unsafe.stdout).toContain("  1: r0 = *(u8 *)(r2 + 9)");
  const refused = await run(["bpf", "run", path, "--type", "xdp"]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("--unverified runs it with checks");
  expect((await run(["bpf", "run", path, "--type", "xdp", "--unverified"])).exitCode).toBe(0);
});

test.each([
  ["a program that is not there", ["run", "missing.o"], 1, "no such file"],
  ["text that does not assemble", ["asm", "bad.s"], 1, "line 1: Invalid mnemonic"],
  ["a fault, with its instruction", ["run", "fault.s"], 1, "instruction 0: reads 4 bytes"],
  ["an unknown kind", ["run", "fault.s", "--type", "nothing"], 2, "choose one of raw"],
  ["several programs", ["run", join(objects, "dispatch.o")], 2, "--program: handle_udp"],
  ["a capture that is none", ["run", "fault.s", "--pcap", "bad.s"], 1, "is no capture"],
  ["a count that is none", ["run", "fault.s", "--repeat", "0"], 2, "--repeat"],
])("says what is wrong: %s", async (_what, [command, name, ...rest], exitCode, message) => {
  await file("bad.s", "nonsense");
  await file("fault.s", "r0 = *(u32 *)(r1 + 0)\nexit");
  const path = name!.startsWith("/") ? name! : join(directory, name!);
  const places = rest.map((each) => (each === "bad.s" ? join(directory, each) : each));
  const result = await run(["bpf", command!, path, ...places]);
  expect(result.exitCode).toBe(exitCode);
  expect(result.stderr).toContain(message);
});
