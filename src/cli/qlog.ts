// The options that record HTTP/3 connections in qlog, for all commands that use QUIC.
import { Option } from "commander";
import { QLOG_DIALECTS, type QlogDialect } from "../host/qlog/options.ts";
import type { Io } from "./io.ts";

export interface QlogFlags {
  readonly directory: string;
  readonly dialect: QlogDialect | undefined;
}

export const qlogOption = (): Option =>
  new Option("--qlog <folder>", "record each HTTP/3 connection in a file here, in qlog; also set by QLOGDIR");

export const qlogDialectOption = (): Option =>
  new Option("--qlog-dialect <name>", "the current drafts, or what qvis loads (rfc)").choices(QLOG_DIALECTS);

/** An empty QLOGDIR means none. */
export function qlogFrom(
  flags: { readonly qlog?: string; readonly qlogDialect?: QlogDialect },
  { env }: Io,
): QlogFlags | undefined {
  const directory = flags.qlog ?? env.QLOGDIR;
  return directory === undefined || directory === "" ? undefined : { directory, dialect: flags.qlogDialect };
}
