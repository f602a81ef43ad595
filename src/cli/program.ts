// From arguments to an exit code: selects and loads the command. Only fail.ts prints errors.
import { Command, CommanderError } from "commander";
import { COMMANDS } from "./commands.ts";
import { CliError, EXIT, reportFailure, usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import { readVersion } from "./version.ts";

export async function runCli(args: readonly string[], io: Io): Promise<number> {
  process.exitCode = undefined;
  try {
    const [first, second] = args;
    if (first === "help" && second !== undefined && COMMANDS.every(({ name }) => name !== second)) {
      throw usageError(`there is no command ${second}`, "see nagare --help");
    }
    const program = await buildProgram(args, io);
    if (args.length === 0) {
      io.stdout.write(program.helpInformation());
      return EXIT.usage;
    }
    await program.parseAsync([...args], { from: "user" });
    // A command that runs until it is stopped may have set its exit code itself.
    return Number(process.exitCode ?? EXIT.ok);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok; // --help and --version have printed
    return reportFailure(fromCommander(error, args), io, {
      json: args.includes("--json"),
      silent: args[0] === "get" && (args.includes("-s") || args.includes("--silent")),
    });
  }
}

async function buildProgram(args: readonly string[], io: Io): Promise<Command> {
  const program = new Command("nagare")
    .description("HTTP/3 in front of a Node app, with a view of every packet.")
    .version(readVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("after", "\nExample:\n  nagare get --trace https://example.com/\n")
    .configureHelp({ sortSubcommands: false, helpWidth: Math.min(io.stdout.columns ?? 100, 120) })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: () => {}, // the error also arrives as an exception, which is printed once
    })
    .showSuggestionAfterError()
    .exitOverride();
  const selected = args[0] === "help" ? args[1] : args[0];
  for (const entry of COMMANDS) {
    if (entry.name === selected) await entry.register(program, io);
    else program.command(entry.name).summary(entry.summary);
  }
  return program;
}

/** Commander's errors are usage errors: exit code 2, and a pointer to the help. */
function fromCommander(error: unknown, args: readonly string[]): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.code === "commander.help" || error.code === "commander.helpDisplayed") {
    return new CliError("USAGE", "", { exitCode: EXIT.usage, silent: true });
  }
  const command = COMMANDS.find(({ name }) => name === args[0]);
  const help = `see nagare ${command === undefined ? "" : `${command.name} `}--help`;
  const [message, suggestion] = rephrase(error.message);
  return usageError(message, suggestion === undefined ? help : `did you mean ${suggestion}? Otherwise ${help}`);
}

/** Rewords a message of Commander's, and extracts the name it suggests. */
function rephrase(text: string): readonly [message: string, suggestion: string | undefined] {
  const [, message = text, suggestion] =
    /^(?:error: )?(.*?)\.?(?:\s*\(Did you mean (?:one of )?(.*)\?\))?$/s.exec(text) ?? [];
  const words = message
    .replace(/^option '(?:-\w, )?(--[\w.-]+)(?: (<\S+>))?' argument missing$/, "$1 needs a value: $2")
    .replace(/^option '(?:-\w, )?(--[\w.-]+)(?: <\S+>)?' argument '(.*)' is invalid\. It (.*)$/s, "$1 $2: it $3")
    .replace(/^missing required argument '(.*)'$/, "$1 is missing")
    .replace(
      /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)$/,
      "$1 takes at most $2 arguments, not $3",
    )
    .replace(/takes at most 0 arguments, not \d+$/, "takes no arguments")
    .replace("at most 1 arguments", "one argument");
  return [words, suggestion];
}
