/** Edited copies of requests: a request's own bytes are never changed, because several routes may send them. */

import { latin1, parseRequest, type Request, text } from "./request.ts";

/** Returns the request with another line, or undefined if that line is malformed or has another kind of value. */
export function withLine(request: Request, line: string): Request | undefined {
  const bytes = latin1(`${line}\r\n`);
  const edited = parseRequest(bytes, 0, bytes.length);
  if (edited === undefined || edited.valueLength > 0 !== request.valueLength > 0) return undefined;
  // Only the line can be edited: the value's length is that of the value.
  edited.valueLength = request.valueLength;
  edited.value = request.value;
  edited.isPart = request.isPart;
  return edited;
}

/** Replaces a token, counted from 0; an empty text removes it. */
export function withToken(request: Request, index: number, token: string): Request | undefined {
  const tokens = request.tokens();
  if (index >= tokens.length) return undefined;
  tokens[index] = token;
  return withLine(request, tokens.filter((each) => each !== "").join(" "));
}

/** Sets a meta flag and its token, in place of the flag if it is there, or else at the end. */
export function withFlag(request: Request, flag: string, token: string): Request | undefined {
  const index = flagIndex(request, flag);
  if (index > 0) return withToken(request, index, `${flag}${token}`);
  return withLine(request, `${text(request.bytes, request.start, request.lineEnd)} ${flag}${token}`);
}

/** The index of a meta flag's token, or -1. */
export function flagIndex(request: Request, flag: string): number {
  return request.tokens().findIndex((token, index) => index > 1 && token.startsWith(flag));
}

/** Removes the first bytes of the key, unless nothing would be left of it. */
export function withoutPrefix(request: Request, length: number): Request {
  const { bytes, start, end, keyStart, keyEnd } = request;
  if (length <= 0 || length >= keyEnd - keyStart) return request;
  const line = bytes.slice(start, end);
  line.fill(SPACE, keyStart - start, keyStart - start + length);
  const edited = parseRequest(line, 0, line.length)!;
  edited.value = request.value;
  edited.isPart = request.isPart;
  return edited;
}

const SPACE = 0x20;
