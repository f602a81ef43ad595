// -O and -J: file names taken from the URL or from the server.
import type { Field } from "../../client/index.ts";
import { CliError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";

/** -O: as in curl, the last part of the URL's path, with its escapes. */
export function nameInUrl(url: URL): string {
  const name = url.pathname.split("/").at(-1) ?? "";
  if (!isFileName(name)) {
    const problem = `-O: ${url.href} does not end with a file name`;
    throw new CliError("NO_REMOTE_NAME", problem, { exitCode: CURL.writeFailed, hint: "use -o FILE" });
  }
  return name;
}

/** -J: the name in `content-disposition` (RFC 6266), or undefined. Folders are removed: the server must not choose them. */
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
