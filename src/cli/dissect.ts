import { type Command, Option } from "commander";
import type { DissectFlags } from "./dissect/run.ts";
import type { Io } from "./io.ts";

const HELP = `
Examples:
  nagare dissect tap.pcapng
  nagare dissect tap.pcapng --filter 'tcp.port == 80 && tcp.flags.syn == 1'
  nagare dissect tap.pcapng --filter 'tcp.reset_reason' --json

Reads pcapng, of Ethernet or of bare IP packets. Fields have Wireshark's names; --json prints them all. A filter compares fields with ==, !=,
<, <=, > and >=, or contains; a name alone asks whether the field or protocol is there; &&, ||, ! and parentheses join.
Exit codes: 0 done, 1 the capture cannot be read or is cut off, 2 usage.
`;

export function registerDissect(program: Command, io: Io): void {
  program
    .command("dissect")
    .summary("print the packets of a capture")
    .description(
      "Print the packets of a capture: ARP, IP, ICMP, TCP with the reasons of resets, UDP, the long headers of QUIC.",
    )
    .argument("<file>", "a capture in pcapng")
    .addOption(new Option("-f, --filter <expression>", "only packets whose fields fit"))
    .addOption(new Option("--json", "print one JSON object per packet"))
    .addHelpText("after", HELP)
    .action(async (file: string, flags: DissectFlags) => {
      await (await import("./dissect/run.ts")).runDissect(file, flags, io);
    });
}
