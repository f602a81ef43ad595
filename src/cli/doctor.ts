import { type Command, Option } from "commander";
import type { Io } from "./io.ts";

export function registerDoctor(program: Command, io: Io): void {
  program
    .command("doctor")
    .summary("say what this machine can do, and what to mend")
    .description(
      "Check what Nagare needs of this machine: ✓ is there, ✗ must be mended, – is absent and can be lived without.",
    )
    .addOption(new Option("--json", "print one JSON object per check"))
    .addHelpText("after", "\nExample:\n  nagare doctor\n\nExit codes: 0 nothing must be mended, 1 something must.\n")
    .action(async (flags: { readonly json?: true }) => {
      const { doctor } = await import("./doctor/doctor.ts");
      await doctor(flags, io);
    });
}
