// The options that record HTTP/3 connections in qlog, for all commands that use QUIC.
import { Option } from "commander";
import { QLOG_DIALECTS, type QlogDialect } from "../host/qlog/options.ts";
import { usageError } from "./fail.ts";
import type { Io } from "./io.ts";

export type QlogFlags = ({ readonly directory: string } | { readonly file: string }) & {
  readonly dialect: QlogDialect | undefined;
};

export const qlogOption = (): Option =>
  new Option(
    "--qlog <folder>",
    "record each HTTP/3 connection in a file here, in qlog; also set by QLOGDIR; QLOGFILE is one file for all",
  );

export const qlogDialectOption = (): Option =>
  new Option("--qlog-dialect <name>", "the current drafts, or what qvis loads (rfc)").choices(QLOG_DIALECTS);

/** An empty variable counts as absent. The flag goes first. */
export function qlogFrom(
  flags: { readonly qlog?: string; readonly qlogDialect?: QlogDialect },
  { env }: Io,
): QlogFlags | undefined {
  const dialect = flags.qlogDialect;
  if (flags.qlog !== undefined) return flags.qlog === "" ? undefined : { directory: flags.qlog, dialect };
  const { QLOGDIR: directory = "", QLOGFILE: file = "" } = env;
  if (directory !== "" && file !== "") {
    throw usageError("QLOGDIR and QLOGFILE are both set", "unset one, or give --qlog");
  }
  if (file !== "") return { file, dialect };
  return directory === "" ? undefined : { directory, dialect };
}
