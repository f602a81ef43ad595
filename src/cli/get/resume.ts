// -C: resumes an earlier transfer where it stopped.
import { stat } from "node:fs/promises";
import { CliError, usageError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";
import type { GetFlags } from "./flags.ts";
import type { GetRequest } from "./request.ts";

export async function resumeOffset(flags: GetFlags, output: string | undefined): Promise<number | undefined> {
  const { continueAt } = flags;
  if (continueAt === undefined) return undefined;
  if (flags.uploadFile !== undefined) throw usageError("-C resumes downloads, not uploads");
  if (continueAt !== "-") return Number(continueAt);
  if (output === undefined) return 0;
  return stat(output).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Returns "continue" if the body is the requested rest, and "done" if the file was already complete. */
export function resumeVerdict(
  request: GetRequest,
  response: Response,
  offset: number | undefined,
): "continue" | "done" | CliError {
  if (offset === undefined || offset === 0 || request.method !== "GET") return "continue";
  const range = response.headers.get("content-range");
  // RFC 9110 §15.5.17: the range begins where the content ends.
  if (response.status === 416 && range === `bytes */${offset}`) return "done";
  if (range !== null) return "continue";
  if (Number(response.headers.get("content-length") ?? Number.NaN) === offset) return "done";
  return new CliError("RANGE_IGNORED", `${request.url.href} ignored the range that -C requested`, {
    exitCode: CURL.rangeIgnored,
    hint: "leave out -C to start over",
  });
}
