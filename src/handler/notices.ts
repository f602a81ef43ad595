/** Deprecation and Sunset from code: announced on responses, ended by the handler itself, and read from others' responses. */

import { emitNotice, formatHttpDate, type Notice, type ReceivedNotice, readNotice } from "../http/index.ts";
import { addFields, type FieldSource, type FieldTarget, linesOf } from "./message.ts";

/** When a resource ends, and where to read about it. Dates may be Dates or milliseconds since 1970. */
export interface NoticeOptions extends Omit<Notice, "deprecation" | "sunset"> {
  /** From then on, new uses are discouraged (RFC 9745). May lie in the past or future. */
  readonly deprecation?: Date | number | undefined;
  /** From then on, the resource is expected not to answer (RFC 8594). */
  readonly sunset?: Date | number | undefined;
}

const SINGLE = new Set(["deprecation", "sunset"]);
const NAMES = ["deprecation", "sunset", "link"];

/**
 * Adds Deprecation, Sunset and their links to a Response, to Headers or to Node's ServerResponse, and returns it. Throws a RangeError for
 * an invalid date, or a sunset before the deprecation.
 */
export function announce<Target extends FieldTarget>(target: Target, notice: NoticeOptions): Target {
  addFields(target, emitNotice(checked(notice)), SINGLE);
  return target;
}

/**
 * Wraps a handler: announces the notice on its responses, and answers 410 (Gone) from the sunset on. `now` returns milliseconds since
 * 1970; by default, the system's clock.
 */
export function untilSunset<Rest extends readonly unknown[]>(
  notice: NoticeOptions,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  now: () => number = Date.now,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { sunset } = checked(notice);
  return async (request, ...rest) => {
    if (sunset !== undefined && now() >= sunset) {
      const text = `410 Gone: this resource ended on ${formatHttpDate(sunset)}\n`;
      return announce(new Response(text, { status: 410 }), notice);
    }
    const response = await handler(request, ...rest);
    try {
      return announce(response, notice);
    } catch {
      // The fields of a response that `fetch` returned cannot change.
      const { body, status, statusText, headers } = response;
      return announce(new Response(body, { status, statusText, headers }), notice);
    }
  };
}

/** What a response says about the end of its resource, and what is wrong about it. Dates are milliseconds since 1970. */
export const noticeOf = (response: FieldSource, now: number = Date.now()): ReceivedNotice =>
  readNotice(linesOf(response, NAMES), now);

function checked({ deprecation, sunset, ...links }: NoticeOptions): Notice {
  const notice = { ...links, deprecation: timeOf("deprecation", deprecation), sunset: timeOf("sunset", sunset) };
  // RFC 9745 §4
  if (notice.deprecation !== undefined && notice.sunset !== undefined && notice.sunset < notice.deprecation)
    throw new RangeError("sunset is before deprecation: what ends was deprecated at the latest when it ended");
  return notice;
}

/** The year 9999 is the last one that an HTTP date can hold. */
const LAST = Date.UTC(10_000, 0);

function timeOf(name: string, date: Date | number | undefined): number | undefined {
  if (date === undefined) return undefined;
  const time = Number(date);
  if (time >= 0 && time < LAST) return time;
  throw new RangeError(`${name} is not a date: give a Date, or milliseconds since 1970`);
}
