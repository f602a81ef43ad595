// Netscape's cookie file format, as curl reads and writes it: one cookie per line, in seven tab-separated columns.
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { describe } from "../fail.ts";
import { type Io, write } from "../io.ts";

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  /** True if the domain's other hosts also get it. */
  readonly subdomains: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  /** Milliseconds since 1970; undefined for a session cookie. */
  readonly expires: number | undefined;
}

const HTTP_ONLY = "#HttpOnly_";

export function parseCookieFile(text: string): Cookie[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const httpOnly = line.startsWith(HTTP_ONLY);
    const plain = httpOnly ? line.slice(HTTP_ONLY.length) : line;
    const columns = plain.split("\t");
    if (plain.startsWith("#") || columns.length < 6) return [];
    const [domain = "", subdomains, path = "/", secure, expires, name = "", value = ""] = columns;
    return [
      {
        name,
        value,
        domain: domain.replace(/^\./, "").toLowerCase(),
        subdomains: subdomains === "TRUE",
        path,
        secure: secure === "TRUE",
        httpOnly,
        expires: Number(expires) === 0 ? undefined : Number(expires) * 1000,
      },
    ];
  });
}

function formatCookieFile(cookies: readonly Cookie[]): string {
  const flag = (value: boolean): string => (value ? "TRUE" : "FALSE");
  const lines = cookies.map(({ name, value, domain, subdomains, path, secure, httpOnly, expires }) =>
    [
      `${httpOnly ? HTTP_ONLY : ""}${subdomains ? "." : ""}${domain}`,
      flag(subdomains),
      path,
      flag(secure),
      String(expires === undefined ? 0 : Math.floor(expires / 1000)),
      name,
      value,
    ].join("\t"),
  );
  return ["# Netscape HTTP Cookie File", "# Written by nagare get -c", "", ...lines, ""].join("\n");
}

/** -c. As in curl, a file that cannot be written is only a warning, since the transfers themselves are done. */
export async function saveCookies(path: string, cookies: readonly Cookie[], io: Io): Promise<void> {
  const text = formatCookieFile(cookies);
  if (path === "-") return write(io.stdout, text);
  // Replaced atomically, because the next command often reads the same file.
  const temporary = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    io.stderr.write(
      `nagare: the cookies were not saved: ${describe(Object.assign(error as Error, { path })).message}\n`,
    );
  }
}
