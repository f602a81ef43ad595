/**
 * The formats of the access log. A client chooses methods, paths and fields, so every format escapes them: whatever they
 * contain, a request is one line, its parts cannot be confused, and nothing in it controls a terminal.
 */

import type { HttpVersion } from "../../../host/http/exchange.ts";
import { printable } from "../../../wire/printable.ts";
import type { RequestRecord } from "./record.ts";

/** The formats of lines: JSON, Common and Combined Log Format, or a text for people. */
export type AccessLogFormat = "json" | "common" | "combined" | "text";

export const ACCESS_LOG_FORMATS: readonly AccessLogFormat[] = ["json", "common", "combined", "text"];

/** One line, without its end. */
export function formatRecord(record: RequestRecord, format: AccessLogFormat): string {
  switch (format) {
    case "json":
      return jsonLine(record);
    case "common":
      return commonLine(record);
    case "combined":
      return `${commonLine(record)} ${quoted(record.referer)} ${quoted(record.userAgent)}`;
    case "text":
      return textLine(record);
  }
}

/** What JSON.stringify leaves as it is, and some readers take for the end of a line or obey. */
const UNESCAPED = /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export const jsonLine = (value: object): string =>
  JSON.stringify(value).replace(
    UNESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** For people. */
function textLine(record: RequestRecord): string {
  const { time, remoteAddress, protocol, method, authority, path, status, aborted, milliseconds } = record;
  const outcome = `${status ?? "no response"}${aborted ? " aborted" : ""}`;
  const upstream = record.upstream === undefined ? "" : ` from ${record.upstream}`;
  return printable(
    `${time} ${remoteAddress} ${protocol} ${method} ${authority}${path} ${outcome}${upstream} ${milliseconds.toFixed(1)} ms${sessionText(record)}`,
  );
}

/** Of a WebTransport session: what went each way, what was dropped, and how it ended. */
function sessionText({ session }: RequestRecord): string {
  if (session === undefined) return "";
  const { carrier, streamsIn, streamsOut, bytesIn, bytesOut, datagramsIn, datagramsOut, datagramsDropped } = session;
  const { closeCode, reason } = session;
  const end = closeCode === undefined ? "cut off" : `closed with ${closeCode}`;
  const said = reason === undefined || reason === "" ? "" : ` (${reason})`;
  return (
    `; WebTransport over ${carrier}: streams ${streamsIn} in ${streamsOut} out, bytes ${bytesIn} in ${bytesOut} out, ` +
    `datagrams ${datagramsIn} in ${datagramsOut} out ${datagramsDropped} dropped, ${end}${said}`
  );
}

const VERSION: Readonly<Record<HttpVersion, string>> = { "http/1.1": "HTTP/1.1", h2: "HTTP/2.0", h3: "HTTP/3.0" };

/**
 * NCSA's format, as Apache and nginx write it: host, identity, user, [time], "request", status, bytes. The user is never
 * known here, because the authorization is not logged. Without a response, the status is 499, as in nginx.
 */
function commonLine({ remoteAddress, time, method, path, protocol, status, bytesOut }: RequestRecord): string {
  const host = remoteAddress === "" ? "-" : remoteAddress;
  const request = `"${escaped(method)} ${escaped(path)} ${VERSION[protocol]}"`;
  return `${host} - - [${commonTime(time)}] ${request} ${status ?? 499} ${bytesOut === 0 ? "-" : bytesOut}`;
}

const quoted = (text: string | undefined): string => (text === undefined || text === "" ? '"-"' : `"${escaped(text)}"`);

/** Apache's escapes: quotes and backslashes by a backslash, bytes beyond printable ASCII in hexadecimal. */
function escaped(text: string): string {
  if (!/[^\x20-\x7e]|["\\]/.test(text)) return text;
  let result = "";
  for (const byte of new TextEncoder().encode(text)) {
    if (byte === 0x22 || byte === 0x5c) result += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte <= 0x7e) result += String.fromCharCode(byte);
    else result += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return result;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `10/Oct/2000:13:55:36 +0000`, from an ISO time in UTC. */
function commonTime(iso: string): string {
  const [date = "", clock = ""] = iso.split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`;
}
