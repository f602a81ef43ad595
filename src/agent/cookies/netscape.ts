/**
 * Netscape's cookies.txt, as curl reads and writes it: one cookie per line, in seven columns between tabs. It has no columns for
 * SameSite and partitions.
 */

import type { Cookie } from "./cookie.ts";

const HTTP_ONLY = "#HttpOnly_";
const HEADER = "# Netscape HTTP Cookie File";
// biome-ignore lint/suspicious/noControlCharactersInRegex: what would end a column or a line
const CONTROL = /[\x00-\x1f\x7f]/;

export interface CookieFileContent {
  readonly cookies: readonly Cookie[];
  /** The numbers of lines that are neither a cookie nor a comment, from 1. */
  readonly badLines: readonly number[];
}

/** `now` becomes the time of creation. Lines are in the order of creation. */
export function parseCookieFile(text: string, now: number): CookieFileContent {
  const cookies: Cookie[] = [];
  const badLines: number[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || (line.startsWith("#") && !line.startsWith(HTTP_ONLY))) continue;
    const cookie = parseLine(line, now);
    if (cookie === undefined) badLines.push(index + 1);
    else cookies.push(cookie);
  }
  return { cookies, badLines };
}

function parseLine(line: string, now: number): Cookie | undefined {
  const httpOnly = line.startsWith(HTTP_ONLY);
  const columns = (httpOnly ? line.slice(HTTP_ONLY.length) : line).split("\t");
  const [domain = "", tail, path = "", secure, expires = "", name = "", value = ""] = columns;
  const seconds = Number(expires);
  // curl writes a cookie without a value as six columns.
  if (columns.length < 6 || columns.length > 7 || domain === "" || !Number.isFinite(seconds)) return undefined;
  if (columns.some((column) => CONTROL.test(column)) || name + value === "") return undefined;
  return {
    name,
    value,
    domain: domain.replace(/^\./, "").toLowerCase(),
    hostOnly: tail !== "TRUE",
    path: path.startsWith("/") ? path : "/",
    secure: secure === "TRUE",
    httpOnly,
    sameSite: "unset",
    partitionKey: undefined,
    expires: seconds === 0 ? undefined : seconds * 1_000,
    created: now,
  };
}

/**
 * Writes cookies in the given order. `writer` names the program in a comment. Leaves out partitioned cookies, which other
 * programs would send everywhere, and those with a tab.
 */
export function formatCookieFile(cookies: Iterable<Cookie>, writer = "nagare"): string {
  const lines: string[] = [];
  const flag = (value: boolean): string => (value ? "TRUE" : "FALSE");
  for (const { name, value, domain, hostOnly, path, secure, httpOnly, expires, partitionKey } of cookies) {
    const columns = [
      `${httpOnly ? HTTP_ONLY : ""}${hostOnly ? "" : "."}${domain}`,
      flag(!hostOnly),
      path,
      flag(secure),
      String(expires === undefined ? 0 : Math.floor(expires / 1_000)),
      name,
      value,
    ];
    if (partitionKey === undefined && !columns.some((column) => CONTROL.test(column))) lines.push(columns.join("\t"));
  }
  return [HEADER, `# Written by ${writer}`, "", ...lines, ""].join("\n");
}
