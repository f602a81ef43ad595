// Turns errors into exit codes and messages: one line on stderr that says what is wrong and what to do about it.
import { printable } from "../wire/printable.ts";
import type { Io } from "./io.ts";

/** The exit codes of all commands. `nagare get` also uses curl's (get/exit-codes.ts). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  httpError: 22,
  writeFailed: 23,
  timeout: 28,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

interface CliErrorOptions {
  readonly exitCode?: number;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** True if nothing is printed, because the user already knows. */
  readonly silent?: boolean;
}

export class CliError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly silent: boolean;

  constructor(code: string, message: string, options: CliErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "CliError";
    this.code = code;
    this.exitCode = options.exitCode ?? EXIT.failed;
    this.hint = options.hint;
    this.silent = options.silent ?? false;
  }
}

/** A mistake on the command line or in the configuration. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError("USAGE", message, { exitCode: EXIT.usage, hint });
}

/** Ends the command with this exit code and prints nothing more. */
export function silentExit(exitCode: number): CliError {
  return new CliError("EXIT", "", { exitCode, silent: true });
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Prints the error and returns the exit code. With `json`, also prints it as an object on stdout, for scripts. */
export function reportFailure(error: unknown, io: Io, { json = false, silent = false } = {}): number {
  const exitCode = exitCodeOf(error);
  if (isBrokenPipe(error)) return exitCode;
  if (error instanceof CliError && error.silent) return exitCode;
  const failure = describe(error);
  if (json) io.stdout.write(`${JSON.stringify({ error: failure })}\n`);
  if (!silent) {
    const { message, hint } = failure;
    io.stderr.write(`${printable(`nagare: ${hint === undefined ? message : `${message}; ${hint}`}`)}\n`);
    if (io.env.NAGARE_DEBUG && error instanceof Error) {
      for (const line of `${error.stack}`.split("\n")) io.stderr.write(`${printable(line)}\n`);
    }
  }
  return exitCode;
}

export function exitCodeOf(error: unknown): number {
  if (isBrokenPipe(error)) return EXIT.writeFailed;
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}

/** True if the reader of our output has gone away (`nagare … | head`), so there is no one to report to. */
const isBrokenPipe = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === "EPIPE" && !(error instanceof CliError);

export function describe(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: "FAILED", message: oneLine(String(error)) };
  const { code, hint, path } = error as { code?: unknown; hint?: unknown; path?: unknown };
  const known = typeof code === "string" && typeof path === "string" ? SYSTEM_ERRORS[code] : undefined;
  if (known !== undefined) return { code: code as string, message: `${path}: ${known[0]}`, hint: known[1] };
  return {
    code: typeof code === "string" ? code : "FAILED",
    message: oneLine(error.message === "" ? error.name : error.message),
    ...(typeof hint === "string" ? { hint } : {}),
  };
}

/** System errors that concern a file: what is wrong, and what to do. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: ["no such file or directory", "check the path"],
  EACCES: ["permission denied", "check its permissions"],
  EISDIR: ["is a directory", "name a file"],
  ENOTDIR: ["part of the path is not a directory", "check the path"],
  ENOSPC: ["no space left on the device", "free some space, or write elsewhere"],
  EROFS: ["the file system is read-only", "write elsewhere"],
};

const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, ", ");
