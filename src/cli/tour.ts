import { type Command, Option } from "commander";
import type { Io } from "./io.ts";

export function registerTour(program: Command, io: Io): void {
  program
    .command("tour")
    .summary("run every system against the nearest real peer")
    .description("Run every system of the table against the nearest peer that this machine has.")
    .addOption(new Option("--only <name>", "one system, or one of its rows: quic, quic/curl"))
    .addOption(new Option("--json", "print one JSON object per row"))
    .addHelpText(
      "after",
      `
Examples:
  nagare tour
  nagare tour --only quic

✓ works, ✗ does not, "no peer here" needs a program that is not installed, "not built" is still to come.
Exit codes: 0 no row failed, 1 one did.
`,
    )
    .action(async (flags: { readonly only?: string; readonly json?: true }) => {
      const { tour } = await import("./tour/tour.ts");
      await tour(flags, io);
    });
}
