// The files to write, checked before an experiment runs for minutes.
import { access, constants, stat, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { CliError, describe, EXIT, usageError } from "../fail.ts";

export type PlotFormat = "svg" | "png";

export function plotFormat(path: string): PlotFormat {
  const extension = extname(path).toLowerCase();
  if (extension === ".svg" || extension === ".png") return extension.slice(1) as PlotFormat;
  throw usageError(`--plot ${path}: plots are SVG or PNG files`, "end the name with .svg or .png");
}

/** Throws unless the file can be created or replaced. */
export async function expectWritable(path: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory()) throw notWritable(path, "it is a directory", "name a file");
  await access(existing === undefined ? dirname(path) : path, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw notWritable(path, "its folder does not exist", "create it, or write elsewhere");
    throw failedToWrite(path, error);
  });
}

export async function writePlot(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content).catch((error: unknown) => {
    throw failedToWrite(path, error);
  });
}

export function failedToWrite(path: string, error: unknown): CliError {
  if ((error as NodeJS.ErrnoException).code === "EEXIST") return notWritable(path, "it is a file", "name a folder");
  const { message, hint } = describe(error);
  return notWritable(path, message.replace(`${path}: `, ""), hint);
}

const notWritable = (path: string, reason: string, hint: string | undefined): CliError =>
  new CliError("NOT_WRITABLE", `cannot write ${path}: ${reason}`, { exitCode: EXIT.usage, hint });
