// What the flags ask for: address, method, fields and content of the first request, and of those that redirects lead to.
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { BodyLike, FetchInit } from "../../client/index.ts";
import { usageError } from "../fail.ts";
import type { Io } from "../io.ts";
import { readVersion } from "../version.ts";
import { bodyOf, dataPieces, uploadBody, uploadUrl } from "./data.ts";
import { type GetFlags, unreadable } from "./flags.ts";
import { formContent } from "./form.ts";

export interface GetRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: BodyLike | undefined;
  /** Whether it can be sent again: not what stdin gave. */
  readonly replayable: boolean;
  /** The method was named by -X: redirects keep it. */
  readonly methodIsFixed: boolean;
}

/** `offset` is where -C goes on. */
export async function requestFrom(
  asked: URL,
  flags: GetFlags,
  io: Io,
  upload: string | undefined,
  offset: number | undefined,
): Promise<GetRequest> {
  const url = new URL(asked);
  const user = flags.user ?? userOf(url);
  url.username = "";
  url.password = "";
  const content = await contentFrom(flags, io, upload);
  const target = upload === undefined ? url : uploadUrl(url, upload);
  if (flags.get && flags.data !== undefined) {
    const query = Buffer.from(bytesOf(await dataPieces(flags.data, io))).toString("latin1");
    target.search = target.search === "" ? query : `${target.search}&${query}`;
  }
  const headers = new Headers({ accept: "*/*", "user-agent": flags.userAgent ?? `nagare/${readVersion()}` });
  if (flags.userAgent === "") headers.delete("user-agent");
  if (flags.compressed) headers.set("accept-encoding", "gzip, deflate, br");
  if (content?.type !== undefined) headers.set("content-type", content.type);
  const range = rangeOf(flags.range) ?? (offset === undefined || offset === 0 ? undefined : `${offset}-`);
  if (range !== undefined) headers.set("range", `bytes=${range}`);
  if (flags.referer !== undefined) {
    const referer = flags.referer.replace(/;auto$/, "");
    if (referer !== "") headers.set("referer", referer);
  }
  if (user !== undefined) {
    const pair = user.includes(":") ? user : `${user}:`;
    headers.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
  }
  addHeaders(headers, await headerLines(flags.header ?? [], io), (line) => {
    if (!flags.silent) io.stderr.write(`nagare: -H ${line} has no colon after a name: it is not sent\n`);
  });
  const byContent = upload !== undefined ? "PUT" : content !== undefined ? "POST" : flags.head ? "HEAD" : "GET";
  return {
    url: target,
    method: flags.request ?? byContent,
    headers,
    body: content?.body,
    replayable: upload !== "-" && upload !== ".",
    methodIsFixed: flags.request !== undefined,
  };
}

async function contentFrom(
  flags: GetFlags,
  io: Io,
  upload: string | undefined,
): Promise<{ body: BodyLike; type?: string } | undefined> {
  if (upload !== undefined) return { body: await uploadBody(upload, io) };
  if (flags.form !== undefined) return formContent(flags.form, io);
  if (flags.data === undefined || flags.get) return undefined;
  return { body: bodyOf(await dataPieces(flags.data, io)), type: "application/x-www-form-urlencoded" };
}

function bytesOf(pieces: Awaited<ReturnType<typeof dataPieces>>): Uint8Array {
  const body = bodyOf(pieces);
  if (body instanceof Uint8Array) return body;
  throw usageError("-G takes no file as -d @FILE", "use --data-urlencode @FILE");
}

/** As in curl, a number alone is where the range begins. */
const rangeOf = (range: string | undefined): string | undefined =>
  range !== undefined && /^\d+$/.test(range) ? `${range}-` : range;

/** `-H @FILE` and `-H @-`: a field on each line. */
async function headerLines(given: readonly string[], io: Io): Promise<string[]> {
  const lines: string[] = [];
  for (const each of given) {
    if (!each.startsWith("@")) lines.push(each);
    else {
      const path = each.slice(1);
      const text = path === "-" ? await buffer(io.stdin) : await readFile(path).catch(unreadable);
      lines.push(
        ...text
          .toString("utf8")
          .split(/\r?\n/)
          .filter((line) => line !== ""),
      );
    }
  }
  return lines;
}

/** What -H says replaces what is sent by default; said twice, it is sent twice; `Name:` leaves it out, `Name;` sends it empty. */
function addHeaders(headers: Headers, lines: readonly string[], ignore: (line: string) => void): void {
  const given = new Headers();
  for (const line of lines) {
    const match = /^([^:]+?)\s*(:)\s*(.*)$/s.exec(line) ?? /^([^:;]+?)\s*(;)()$/.exec(line);
    if (match === null) {
      ignore(line);
      continue;
    }
    const [, name, separator, value] = match as unknown as [string, string, string, string];
    try {
      if (separator === ":" && value === "") headers.delete(name);
      else given.append(name, value);
    } catch {
      throw usageError(`-H cannot send "${line}"`);
    }
  }
  for (const [name, value] of given) headers.set(name, value);
}

function userOf(url: URL): string | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
}

/** What describes content, and goes with it. */
const CONTENT_FIELDS = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
/** What is for the first origin only. */
const CREDENTIALS = ["authorization", "cookie", "host"];

/** The request that a redirect leads to: RFC 9110 §15.4, and curl where that leaves a choice. */
export function redirected(request: GetRequest, status: number, url: URL, automaticReferer: boolean): GetRequest {
  const headers = new Headers(request.headers);
  const becomesGet =
    ((status === 301 || status === 302) && request.method === "POST") || (status === 303 && request.method !== "HEAD");
  const dropsContent = request.body !== undefined && (becomesGet || (request.methodIsFixed && status <= 303));
  if (dropsContent) for (const name of CONTENT_FIELDS) headers.delete(name);
  if (url.origin !== request.url.origin) for (const name of CREDENTIALS) headers.delete(name);
  if (automaticReferer) headers.set("referer", withoutSecrets(request.url));
  return {
    ...request,
    url,
    headers,
    method: becomesGet && !request.methodIsFixed ? "GET" : request.method,
    body: dropsContent ? undefined : request.body,
  };
}

/** RFC 9110 §10.1.3. */
function withoutSecrets(url: URL): string {
  const bare = new URL(url);
  bare.hash = "";
  return bare.href;
}

/** The request as the client takes it. */
export function initOf({ method, headers, body }: GetRequest): FetchInit {
  return { method, headers, redirect: "manual", exact: true, ...(body === undefined ? {} : { body }) };
}
