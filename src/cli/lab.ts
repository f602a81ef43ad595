import { type Command, InvalidArgumentError, Option } from "commander";
import { usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import type { ReportFlags, RunFlags } from "./lab/flags.ts";

const EXIT_CODES = "Exit codes: 0 every claim holds, 1 one does not, 2 usage.";

const seedOption = () => new Option("--seed <number>", "the seed of all randomness; 1 by default").argParser(parseSeed);
const quickOption = () =>
  new Option("--quick", "run only a few cells, in seconds, and judge the claims that they allow");

export function registerLab(program: Command, io: Io): void {
  const lab = program
    .command("lab")
    .summary("measure what RFCs and papers claim, in a simulated network")
    .description(
      "Run experiments in a simulated network and in virtual time: the same seed gives the same figures on every machine.",
    )
    .usage("list|run|report [options]")
    .allowExcessArguments()
    .addHelpText(
      "after",
      `
Examples:
  nagare lab list
  nagare lab run loss-recovery --quick
  nagare lab run loss-recovery --plot loss-recovery.svg
  nagare lab report experiments

${EXIT_CODES}
`,
    )
    .action((_flags, command: Command) => {
      const [given] = command.args;
      const problem = given === undefined ? "lab needs a command" : `lab has no command ${given}`;
      throw usageError(problem, "the commands are list, run and report; see nagare lab --help");
    });

  lab
    .command("list")
    .allowExcessArguments(false)
    .summary("list the experiments")
    .description("List the experiments.")
    .addOption(new Option("--json", "print one JSON object per experiment"))
    .addHelpText("after", "\nExample:\n  nagare lab list\n")
    .action(async (flags: { readonly json?: true }) => {
      const { listExperiments } = await import("./lab/lab.ts");
      await listExperiments(flags, io);
    });

  lab
    .command("run")
    .allowExcessArguments(false)
    .summary("run an experiment, and judge its claims")
    .description("Run an experiment, print its figures, and judge the claims.")
    .argument("<name>", "the experiment, as in nagare lab list")
    .addOption(seedOption())
    .addOption(quickOption())
    .addOption(new Option("--json", "print the result as one JSON object: name, seed, rows, claims"))
    .addOption(new Option("--plot <file>", "also draw the plots, as FILE.svg or FILE.png"))
    .addHelpText(
      "after",
      `
Examples:
  nagare lab run loss-recovery
  nagare lab run loss-recovery --seed 7 --json
  nagare lab run loss-recovery --quick --plot loss-recovery.png

${EXIT_CODES}
`,
    )
    .action(async (name: string, flags: RunFlags) => {
      const { runOne } = await import("./lab/lab.ts");
      await runOne(name, flags, io);
    });

  lab
    .command("report")
    .allowExcessArguments(false)
    .summary("run all experiments, and write a page about them")
    .description("Run all experiments, and write index.html and each result as JSON, text and SVG into a folder.")
    .argument("<folder>", "the folder to write to; it is created if it does not exist")
    .addOption(seedOption())
    .addOption(quickOption())
    .addHelpText("after", `\nExample:\n  nagare lab report experiments\n\n${EXIT_CODES}\n`)
    .action(async (folder: string, flags: ReportFlags) => {
      const { writeReport } = await import("./lab/report.ts");
      await writeReport(folder, flags, io);
    });
}

function parseSeed(value: string): number {
  const seed = Number(value);
  if (!/^\d{1,10}$/.test(value) || seed >= 2 ** 32) {
    throw new InvalidArgumentError("It takes a whole number from 0 to 4294967295.");
  }
  return seed;
}
