// The file of --plot, checked before an experiment runs for minutes.
import { access, constants, stat } from "node:fs/promises";
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
  const target = existing === undefined ? dirname(path) : path;
  try {
    await access(target, constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw notWritable(path, "its folder does not exist", "create it, or write elsewhere");
    const { message, hint } = describe(error);
    throw notWritable(path, message, hint);
  }
}

const notWritable = (path: string, reason: string, hint: string | undefined): CliError =>
  new CliError("NOT_WRITABLE", `cannot write ${path}: ${reason}`, { exitCode: EXIT.usage, hint });
