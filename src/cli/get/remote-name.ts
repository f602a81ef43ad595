// -O and -J: what the file is called whose name the command line leaves to the URL or to the server.
import type { Field } from "../../client/index.ts";
import { CliError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";

/** -O: the last part of the path as it stands in the URL, escapes included, as in curl. */
export function nameInUrl(url: URL): string {
  const name = url.pathname.split("/").at(-1) ?? "";
  if (!isFileName(name)) {
    const problem = `-O: ${url.href} names no file`;
    throw new CliError("NO_REMOTE_NAME", problem, { exitCode: CURL.writeFailed, hint: "use -o FILE" });
  }
  return name;
}

/** -J: the name in `content-disposition` (RFC 6266), or undefined. Folders in it do not count: the server has no say in them. */
export function nameInDisposition(fields: readonly Field[]): string | undefined {
  const value = fields.find(([name]) => name.toLowerCase() === "content-disposition")?.[1];
  const match = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(value ?? "");
  const given = match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2];
  const name = given?.split(/[/\\]/).at(-1);
  return name !== undefined && isFileName(name) ? name : undefined;
}

const isFileName = (name: string): boolean =>
  name !== "" &&
  name !== "." &&
  name !== ".." &&
  [...name].every((each) => each >= " " && each !== "/" && each !== "\\");
