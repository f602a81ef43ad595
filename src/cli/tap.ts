import { type Command, Option } from "commander";
import type { Io } from "./io.ts";

const HELP = `
Examples:
  nagare tap                                 answer ping, and serve this folder to the namespace nagare-tap
  nagare tap ./site --pcap tap.pcapng        keep every frame, for Wireshark
  ip netns exec nagare-tap ping 10.77.0.2    (in another terminal)
  ip netns exec nagare-tap curl http://10.77.0.2/

Needs root, ip(8) and the package koffi. The namespace and its device vanish when the command ends; no address of this machine
changes. The kernel is 10.77.0.1 and fd77::1, our host 10.77.0.2 and fd77::2.
Exit codes: 0 stopped, 1 failed, 2 usage.
`;

export function registerTap(program: Command, io: Io): void {
  program
    .command("tap")
    .summary("run our own TCP/IP on a TAP device")
    .description("Make a network namespace with a TAP device, run our own TCP/IP on it, and print what happens.")
    .argument("[dir]", "the folder to serve over HTTP", ".")
    .addOption(new Option("--namespace <name>", "the network namespace to create").default("nagare-tap"))
    .addOption(new Option("--pcap <file>", "write every frame to a pcapng file"))
    .addOption(new Option("--no-offload", "frames of 1500 bytes with checksums, as on a real cable"))
    .addOption(new Option("--json", "print one JSON object per frame"))
    .addHelpText("after", HELP)
    .action(async (directory: string, flags) => {
      const { runTap } = await import("./tap/run.ts");
      await runTap(directory, flags, io);
    });
}
