// Builds the first request from the flags, and the requests that follow redirects.
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
  /** True if it can be sent again, which content from stdin cannot. */
  readonly replayable: boolean;
  /** True if -X sets the method, which redirects then keep. */
  readonly methodIsFixed: boolean;
}

/** `offset` is where -C resumes. */
export async function requestFrom(
  given: URL,
  flags: GetFlags,
  io: Io,
  upload: string | undefined,
  offset: number | undefined,
): Promise<GetRequest> {
  const url = new URL(given);
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
  if (flags.priority !== undefined) headers.set("priority", flags.priority);
  if (flags.referer !== undefined) {
    const referer = flags.referer.replace(/;auto$/, "");
    if (referer !== "") headers.set("referer", referer);
  }
  if (user !== undefined) {
    const pair = user.includes(":") ? user : `${user}:`;
    headers.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
  }
  addHeaders(headers, await headerLines(flags.header ?? [], io), (line) => {
    if (!flags.silent) io.stderr.write(`nagare: -H ${line} is not sent: it is not a name followed by a colon\n`);
  });
  const defaultMethod = upload !== undefined ? "PUT" : content !== undefined ? "POST" : flags.head ? "HEAD" : "GET";
  return {
    url: target,
    method: flags.request ?? defaultMethod,
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
  throw usageError("-G does not accept -d @FILE", "use --data-urlencode @FILE");
}

/** As in curl, a number alone is the start of the range. */
const rangeOf = (range: string | undefined): string | undefined =>
  range !== undefined && /^\d+$/.test(range) ? `${range}-` : range;

/** Expands `-H @FILE` and `-H @-`, which have one field per line. */
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

/** Fields from -H replace the defaults; repeated ones are all sent. `Name:` removes a field, `Name;` sends it empty. */
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

/** Fields that describe the content, and are dropped with it. */
const CONTENT_FIELDS = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
/** Fields that are sent only to the first origin. */
const CREDENTIALS = ["authorization", "cookie", "host"];

/** Returns the request after a redirect: RFC 9110 §15.4, and what curl does where that leaves a choice. */
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

/** Converts the request to arguments of the client. */
export function initOf({ method, headers, body }: GetRequest): FetchInit {
  return { method, headers, redirect: "manual", exact: true, ...(body === undefined ? {} : { body }) };
}
