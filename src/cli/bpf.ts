import { type Command, Option } from "commander";
import type { RunFlags } from "./bpf/run.ts";
import type { AsmFlags, DisasmFlags } from "./bpf/text.ts";
import type { VerifyFlags } from "./bpf/verify.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare bpf run firewall.o --pcap capture.pcapng     an XDP program on each packet of a capture
  nagare bpf run parser.o --data packet.bin --trace   each instruction with the registers
  nagare bpf run firewall.o --engine kernel --repeat 100000   the same in Linux, for comparison
  nagare bpf verify firewall.o
  nagare bpf disasm firewall.o                        with the lines of C, if it was compiled with -g
  nagare bpf asm program.s -o program.bin

FILE is an object of clang (clang -target bpf -O2 -g -c program.c), assembly text, or bare instructions (.bin).
Exit codes: 0 done, 1 the program is malformed or failed, 2 usage.
`;

export function registerBpf(program: Command, io: Io): void {
  const bpf = program
    .command("bpf")
    .summary("run and inspect eBPF programs")
    .description("Run and inspect eBPF programs; the kernel is optional.")
    .addHelpText("after", EXAMPLES);
  const command = (name: string, summary: string): Command =>
    bpf.command(name).summary(summary).argument("<file>", "the program").addHelpText("after", EXAMPLES);
  const withProgram = (each: Command): Command =>
    each
      .addOption(new Option("--program <name>", "one program of an object with several"))
      .addOption(
        new Option("--type <type>", "the program's kind, if the file is not an object: raw, xdp, socket-filter …"),
      )
      .addOption(
        new Option("--btf <file>", "types of the target, for CO-RE: a section .BTF, such as /sys/kernel/btf/vmlinux"),
      );

  withProgram(command("run", "run a program on packets"))
    .description("Run a program on packets, and print what it decides.")
    .addOption(new Option("--data <packet>", "a file with one packet, or its bytes in hexadecimal").conflicts("pcap"))
    .addOption(new Option("--pcap <file>", "run it on each packet of a capture, pcap or pcapng"))
    .addOption(
      new Option(
        "--engine <name>",
        "interp, jit (WebAssembly) or kernel (root, Linux); by default what suits the count",
      ).choices(["interp", "jit", "kernel"]),
    )
    .addOption(new Option("--repeat <count>", "how many times to run it on each packet").default("1"))
    .addOption(new Option("--unverified", "run it without a proof, with every access checked"))
    .addOption(new Option("--trace", "print each instruction with the registers, on stderr"))
    .addOption(new Option("--json", "print one JSON object per packet"))
    .action(async (path: string, flags: RunFlags) => {
      await (await import("./bpf/run.ts")).runProgram(path, flags, io);
    });
  withProgram(command("verify", "prove that a program is safe"))
    .description(
      "Prove that a program is safe, or show the line, the instruction and the registers where it may not be.",
    )
    .addOption(new Option("--memory <bytes>", "memory that a raw program gets").default("0"))
    .addOption(new Option("--json", "print one JSON object per program"))
    .action(async (path: string, flags: VerifyFlags) => {
      await (await import("./bpf/verify.ts")).verifyPrograms(path, flags, io);
    });
  withProgram(command("disasm", "print a program as text"))
    .description("Print a program as text, which `nagare bpf asm` reads.")
    .addOption(new Option("--syntax <name>", "llvm, or mnemonics").default("llvm"))
    .addOption(new Option("--no-source", "leave out the lines of C"))
    .action(async (path: string, flags: DisasmFlags) => {
      await (await import("./bpf/text.ts")).disassembleFile(path, flags, io);
    });
  command("asm", "assemble a program")
    .description("Assemble a program in either syntax; print its instructions in hexadecimal, or write them to a file.")
    .addOption(new Option("-o, --output <file>", "write bare instructions"))
    .action(async (path: string, flags: AsmFlags) => {
      await (await import("./bpf/text.ts")).assembleFile(path, flags, io);
    });
}
