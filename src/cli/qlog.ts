// The options that record HTTP/3 connections in qlog, for all commands that use QUIC.
import { Option } from "commander";
import { QLOG_DIALECTS, type QlogDialect } from "../host/qlog/options.ts";

export interface QlogFlags {
  readonly directory: string;
  readonly dialect: QlogDialect | undefined;
}

export const qlogOption = (): Option =>
  new Option("--qlog <folder>", "record each HTTP/3 connection in a file in this folder, in qlog").env("QLOGDIR");

export const qlogDialectOption = (): Option =>
  new Option("--qlog-dialect <name>", "the current drafts, or what qvis loads (rfc)").choices(QLOG_DIALECTS);

/** An empty QLOGDIR means none. */
export function qlogFrom(flags: { readonly qlog?: string; readonly qlogDialect?: QlogDialect }): QlogFlags | undefined {
  const { qlog: directory, qlogDialect: dialect } = flags;
  return directory === undefined || directory === "" ? undefined : { directory, dialect };
}
