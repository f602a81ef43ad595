import { type Command, Option } from "commander";
import type { Io } from "./io.ts";

export function registerTour(program: Command, io: Io): void {
  program
    .command("tour")
    .summary("run every system against real peers")
    .description("Run every system against the peers that are installed on this machine.")
    .addOption(new Option("--only <name>", "run one system, or one of its rows: quic, quic/curl"))
    .addOption(new Option("--json", "print one JSON object per row"))
    .addHelpText(
      "after",
      `
Examples:
  nagare tour
  nagare tour --only quic

✓ works, ✗ failed, "no peer here" needs a program that is not installed, "not built" is planned.
Exit codes: 0 no row failed, 1 at least one did.
`,
    )
    .action(async (flags: { readonly only?: string; readonly json?: true }) => {
      const { tour } = await import("./tour/tour.ts");
      await tour(flags, io);
    });
}
