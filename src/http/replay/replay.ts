/** Partial POST Replay (draft-frindell-httpbis-partial-post-replay-00): what a server that shuts down hands back, and which part of that a proxy believes. */

import { isHttp1Only } from "../field-rules.ts";
import { combinedFieldValue, type FieldLine, type FieldSection } from "../field-section.ts";
import type { HttpVersion } from "../http-version.ts";

/** The draft leaves the status open; this is the one that its authors use. Not registered. */
export const REPLAY_STATUS = 379;
/** An unrelated application may answer 379, so HTTP/1.1 also has this phrase. */
export const REPLAY_REASON = "Partial POST Replay";
/** The proxy adds a line for each replay, in lower case. */
export const REPLAY_FIELD = "partial-post-replay";

const ECHO = "echo-";
const PSEUDO_ECHO = "pseudo-echo-";

/** The head of a request as its server received it. */
export interface ReceivedHead {
  readonly protocol: HttpVersion;
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
}

/**
 * The fields of a response that hands a request back: each field of the request, in its order, and in HTTP/2 and HTTP/3 its
 * pseudo-header fields. The draft is silent about fields of one connection: they are not echoed.
 */
export function echoFields({ protocol, method, scheme, authority, path, fields }: ReceivedHead): FieldLine[] {
  const target: FieldLine[] =
    protocol === "http/1.1"
      ? [[`${ECHO}host`, authority]]
      : [
          [`${PSEUDO_ECHO}method`, method],
          [`${PSEUDO_ECHO}scheme`, scheme],
          [`${PSEUDO_ECHO}authority`, authority],
          [`${PSEUDO_ECHO}path`, path],
        ];
  return [...target, ...fields.filter(isEchoed).map(([name, value]): FieldLine => [ECHO + name, value])];
}

const isEchoed = ([name, value]: FieldLine): boolean => name !== "expect" && !isHttp1Only(name, value);

/** The head of a response. `reason` is empty except in HTTP/1.1. */
export interface ReplyHead {
  readonly status: number;
  readonly reason: string;
  readonly fields: FieldSection;
}

/** True if a response hands its request back: the status, and the phrase of HTTP/1.1 or a pseudo-header field of the others. */
export const isHandback = ({ status, reason, fields }: ReplyHead, wanted: number = REPLAY_STATUS): boolean =>
  status === wanted && (reason === REPLAY_REASON || fields.some(([name]) => name.startsWith(PSEUDO_ECHO)));

/** The request that the proxy sent, of which it has kept a copy. */
export type SentHead = Omit<ReceivedHead, "protocol">;

/** Fields that connections add and remove, which an echo may have or lack. */
const IGNORED = new Set(["content-length", "expect", "te", "connection", "keep-alive", "transfer-encoding", "host"]);

/**
 * What is wrong with a handback; undefined if it is the request that was sent. The proxy replays its own copy: the echo only proves that
 * the server speaks of the same request.
 */
export function handbackProblem(sent: SentHead, fields: FieldSection, maxReplays: number): string | undefined {
  const echoed = fields
    .filter(([name]) => name.startsWith(ECHO))
    .map(([name, value]): FieldLine => [name.slice(ECHO.length), value]);
  const replays = (combinedFieldValue(echoed, REPLAY_FIELD) ?? "")
    .split(",")
    .filter((each) => each.trim() !== "").length;
  if (replays > maxReplays) return `it was replayed ${replays} times, and ${maxReplays} are allowed`;
  for (const [name, value] of fields) {
    if (!name.startsWith(PSEUDO_ECHO)) continue;
    const pseudo = name.slice(PSEUDO_ECHO.length);
    // The scheme is this server's own.
    if (pseudo === "scheme") continue;
    const own =
      pseudo === "method"
        ? sent.method
        : pseudo === "path"
          ? sent.path
          : pseudo === "authority"
            ? sent.authority
            : undefined;
    if (own !== value) return `${name} is not what was sent`;
  }
  const [given, kept] = [comparable(echoed), comparable(sent.fields)];
  if (given.length !== kept.length) return `it echoes ${given.length} fields of ${kept.length}`;
  const wrong = given.find((line, i) => line !== kept[i]);
  return wrong === undefined ? undefined : `it echoes a field that was not sent: ${wrong.split(":")[0]}`;
}

/** Each field once, since a hop may have combined its lines (RFC 9110 §5.3); in one order. */
function comparable(fields: FieldSection): string[] {
  const names = [...new Set(fields.map(([name]) => name))].filter((name) => !IGNORED.has(name)).sort();
  return names.map((name) => `${name}: ${combinedFieldValue(fields, name)}`);
}

/** Counts the content that comes back. */
export class HandbackCount {
  /** Bytes that were forwarded, all of which must come back. */
  readonly expected: number;
  #returned = 0;

  constructor(expected: number) {
    this.expected = expected;
  }

  get returned(): number {
    return this.#returned;
  }

  get isComplete(): boolean {
    return this.#returned === this.expected;
  }

  /** Returns false if more came back than was forwarded. */
  take(bytes: number): boolean {
    this.#returned += bytes;
    return this.#returned <= this.expected;
  }

  /** Why a response must not end now; undefined if it may. */
  get problem(): string | undefined {
    if (this.#returned > this.expected) return `more came back than the ${this.expected} bytes that were forwarded`;
    return this.isComplete ? undefined : `only ${this.#returned} of ${this.expected} bytes came back`;
  }
}
