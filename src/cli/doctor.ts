import { type Command, Option } from "commander";
import type { Io } from "./io.ts";

export function registerDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .summary("check what this machine supports, and what to fix")
    .description("Check what Nagare needs from this machine: ✓ works, ✗ must be fixed, – is missing but optional.")
    .addOption(new Option("--json", "print one JSON object per check"))
    .addHelpText("after", "\nExample:\n  nagare doctor\n\nExit codes: 0 nothing needs fixing, 1 something does.\n")
    .action(async (flags: { readonly json?: true }) => {
      const { doctor } = await import("./doctor/doctor.ts");
      await doctor(flags, io);
    });
}
