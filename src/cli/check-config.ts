import { Argument, type Command, Option } from "commander";
import type { ConfigProblem } from "../edge/config/index.ts";
import { EXIT, silentExit, usageError } from "./fail.ts";
import type { Io } from "./io.ts";

const HELP = `
Examples:
  nagare check-config                       nagare.config.ts, .js or .json of this folder
  nagare check-config sites.json --json     one object with all problems, for programs

Checks everything that a start would: each option, that folders, modules and certificates can be used, and that each
certificate is for its site. Prints a line for each problem: file, line, column, path, and what to do.
Exit codes: 0 it can be used, 2 it cannot.
`;

export function registerCheckConfig(program: Command, io: Io): void {
  program
    .command("check-config")
    .summary("check a configuration file, and say what is wrong")
    .description("Check a configuration file without starting a server.")
    .addArgument(new Argument("[file]", "by default nagare.config.ts, .js or .json of this folder"))
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText("after", HELP)
    .action(async (given: string | undefined, { json }: { readonly json?: true }) => {
      const { findConfig } = await import("../edge/config/find.ts");
      const file = given ?? findConfig();
      if (file === undefined) throw usageError("this folder has no nagare.config.ts, .js or .json", "name the file");
      const { checkConfig } = await import("../edge/sites/check.ts");
      const { describeProblem } = await import("../edge/config/index.ts");
      const { problems, warnings, sites, routes } = await checkConfig(file);
      const lines = (all: readonly ConfigProblem[]): string[] => all.map((each) => describeProblem(file, each));
      if (json) io.stdout.write(`${JSON.stringify({ file, ok: problems.length === 0, problems, warnings })}\n`);
      else {
        for (const line of lines(problems)) io.stderr.write(`${line}\n`);
        for (const line of lines(warnings)) io.stderr.write(`warning: ${line}\n`);
        if (problems.length === 0)
          io.stdout.write(`${file} can be used: ${count(sites, "site")}, ${count(routes, "route")}\n`);
      }
      if (problems.length > 0) throw silentExit(EXIT.usage);
      io.exitSoon?.();
    });
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
