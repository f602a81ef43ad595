/**
 * The diagnostics channel of fetch handlers: a TracingChannel, as Node names its events. A handler has no `req` and
 * `res`, so it cannot be published on Node's own channels, whose subscribers expect both.
 */
import { tracingChannel } from "node:diagnostics_channel";
import type { Context } from "./fetch-context.ts";

/** The message, the same object in all events of a request. */
export interface FetchMessage {
  readonly request: Request;
  readonly context: Context;
  /** Set once the handler has returned it, or an error has been turned into one. */
  response?: Response;
  /** What the handler threw, or why the response could not be sent. */
  error?: unknown;
}

const channel = tracingChannel<unknown, FetchMessage>("nagare.fetch");

/**
 * Calls `answer` between the events: "start" before the handler is called, "asyncEnd" once the response has been sent.
 * The message is undefined, and nothing is published, if nobody subscribes.
 */
export function traced(
  request: Request,
  context: Context,
  answer: (message: FetchMessage | undefined) => Promise<void>,
): Promise<void> {
  const { start, end, asyncStart, asyncEnd, error } = channel;
  if (![start, end, asyncStart, asyncEnd, error].some(({ hasSubscribers }) => hasSubscribers)) return answer(undefined);
  const message: FetchMessage = { request, context };
  return channel.tracePromise(answer as never, message, undefined, message) as Promise<void>;
}

/** For an error that the client gets a response for. */
export function publishError(message: FetchMessage, error: unknown): void {
  message.error = error;
  channel.error.publish(message);
}
