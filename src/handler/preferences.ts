/** Preferences (RFC 7240) for handlers: with `context.preferences`, or from any request. */

import { Preferences } from "../http/index.ts";
import { addFields, type FieldSource, type FieldTarget, valuesOf } from "./message.ts";

/** The preferences of a Request or of Node's IncomingMessage. In a fetch handler, use `context.preferences`, which completes responses. */
export const preferencesOf = (request: FieldSource): Preferences => new Preferences(valuesOf(request, "prefer"));

const SINGLE = new Set(["preference-applied"]);

/** Adds `Vary: prefer` and `Preference-Applied` to a response, if they are due, and returns it. */
export function applyPreferences<Target extends FieldTarget>(target: Target, preferences: Preferences): Target {
  addFields(target, preferences.complete([]), SINGLE);
  return target;
}

/** The part of a handler's context that `answerInTime` uses. */
export interface AsyncContext {
  readonly preferences: Preferences;
  /** Keeps the server from closing before the promise settles. */
  waitUntil(promise: Promise<unknown>): void;
}

/** Milliseconds. setTimeout takes no more. */
const LONGEST_WAIT = 0x7fff_ffff;

/**
 * Answers with the work's response; or, if the client sent `Prefer: respond-async`, with 202 and a Location where it finds the result
 * (RFC 7240 §4.1), as soon as its `wait` is over. The work goes on, and a closing server waits for it.
 */
export async function answerInTime(
  context: AsyncContext,
  location: string,
  work: () => Promise<Response>,
): Promise<Response> {
  const { preferences } = context;
  if (!preferences.respondAsync) return work();
  const working = work();
  context.waitUntil(working);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.min(preferences.wait ?? 0, LONGEST_WAIT));
  });
  try {
    const response = await Promise.race([working, late]);
    if (response !== undefined) return response;
  } finally {
    clearTimeout(timer);
  }
  preferences.apply("respond-async");
  if (preferences.wait !== undefined) preferences.apply("wait");
  return new Response(null, { status: 202, headers: { location } });
}
