/** Messages up to draft 16 as those of later drafts, and back. */

import type { Dialect } from "../../fields.ts";
import type { ControlMessage, RequestKind } from "../../messages.ts";
import type { Namespace } from "../../model.ts";
import type { RequestMessage } from "../events.ts";
import type { Request } from "../requests.ts";

/** SUBSCRIBE_NAMESPACE of draft 16 asks for tracks, namespaces, or both. */
const INTERESTS = { tracks: 0, namespaces: 1, both: 2 } as const;

export const kindOf = (type: RequestMessage["type"]): RequestKind =>
  type === "subscribe-tracks" ? "subscribe-namespace" : type;

/** The namespace that a request is about, or the prefix. */
export function namespaceOf({ message }: Request): Namespace {
  if (message.type === "publish-namespace") return message.namespace;
  return message.type === "subscribe-namespace" || message.type === "subscribe-tracks" ? message.prefix : [];
}

/** What draft 14 must say although later ones have a default. */
const withOrder = <T extends RequestMessage | ControlMessage>(message: T, dialect: Dialect): T => {
  if (!dialect.has("hasInlineParameters") || !("parameters" in message)) return message;
  return {
    ...message,
    parameters: { ...message.parameters, groupOrder: message.parameters.groupOrder ?? "ascending" },
  };
};

/** A request of ours as the draft has it. */
export function sayRequest(message: RequestMessage, dialect: Dialect): ControlMessage {
  switch (message.type) {
    case "subscribe-namespace":
      return { ...message, interest: message.interest ?? INTERESTS.namespaces };
    case "subscribe-tracks":
      return { ...message, type: "subscribe-namespace", interest: INTERESTS.tracks };
    case "publish":
      return withOrder(message, dialect);
    default:
      return message;
  }
}

/** An answer, or the end, with what names its request. */
export function answerOf(request: Request, message: ControlMessage, dialect: Dialect): ControlMessage {
  const requestId = request.id;
  const of = dialect.has("hasSeparateAnswers") ? { of: kindOf(request.type) } : {};
  switch (message.type) {
    case "request-ok":
      if (request.type !== "publish") return withOrder({ ...message, requestId, ...of }, dialect);
      return withOrder({ type: "publish-ok", requestId, parameters: message.parameters }, dialect);
    case "request-error":
      return { ...message, requestId, ...of };
    case "subscribe-ok":
    case "fetch-ok":
      return withOrder({ ...message, requestId }, dialect);
    case "publish-done":
      return { ...message, requestId };
    default:
      return message;
  }
}

/** A message of the peer as later drafts have it. */
export function toModel<T extends ControlMessage>(message: T): T {
  switch (message.type) {
    case "publish-ok":
      return { ...message, type: "request-ok" } as ControlMessage as T;
    case "subscribe-namespace":
      // Draft 14 does not say what it is interested in: both.
      if (message.interest === INTERESTS.tracks) return { ...message, type: "subscribe-tracks" } as ControlMessage as T;
      return { ...message, interest: message.interest ?? INTERESTS.both };
    default:
      return message;
  }
}
