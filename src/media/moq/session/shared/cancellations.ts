/** What ends a request up to draft 16: its kind, its side and its state decide which message says it. */

import type { ErrorEntry } from "../../../../base/errors.ts";
import { PUBLISH_DONE_CODES, REQUEST_ERRORS, STREAM_ERRORS } from "../../errors.ts";
import type { Dialect } from "../../fields.ts";
import type { ControlMessage } from "../../messages.ts";
import type { Request } from "../requests.ts";
import { answerOf, namespaceOf } from "./translate.ts";

/** The message with which our side ends a request with one of `STREAM_ERRORS`; undefined if nothing needs to be said. */
export function endOf(request: Request, code: number, dialect: Dialect): ControlMessage | undefined {
  const { type, isOurs, isAnswered } = request;
  if (!isOurs && !isAnswered) {
    const { code: wire, sentence } = refusalOf(type, code);
    return answerOf(request, { type: "request-error", code: wire, reason: sentence }, dialect);
  }
  if (isOurs ? type === "publish" : type === "subscribe") return doneOf(request, code);
  return isOurs || type === "publish" ? withdrawalOf(request, dialect) : revocationOf(request, dialect);
}

function refusalOf(type: Request["type"], code: number): ErrorEntry {
  const { INTERNAL_ERROR, UNINTERESTED, GOING_AWAY } = REQUEST_ERRORS;
  if (code === STREAM_ERRORS.GOING_AWAY.code) return GOING_AWAY;
  return type === "publish" || type === "publish-namespace" ? UNINTERESTED : INTERNAL_ERROR;
}

/** Streams and subscriptions that end for the same reason have the same code in the model. */
function doneOf({ id: requestId, streams: streamCount }: Request, code: number): ControlMessage {
  const { CANCELLED } = STREAM_ERRORS;
  const entry = Object.values(PUBLISH_DONE_CODES).find((each) => each.code === code && code > CANCELLED.code);
  const { code: status, sentence: reason } = entry ?? PUBLISH_DONE_CODES.INTERNAL_ERROR;
  return { type: "publish-done", requestId, status, streamCount, reason };
}

function withdrawalOf(request: Request, dialect: Dialect): ControlMessage | undefined {
  const { id: requestId } = request;
  switch (request.type) {
    case "subscribe":
    case "publish":
      return { type: "unsubscribe", requestId };
    case "fetch":
      return { type: "fetch-cancel", requestId };
    case "publish-namespace":
      return { type: "publish-namespace-done", ...subjectOf(request, dialect) };
    case "subscribe-namespace":
    case "subscribe-tracks":
      return { type: "unsubscribe-namespace", namespace: namespaceOf(request) };
    default:
      return undefined;
  }
}

/** Of a fetch, the stream with its objects is reset. */
function revocationOf(request: Request, dialect: Dialect): ControlMessage | undefined {
  if (request.type !== "publish-namespace") return undefined;
  const { code, sentence: reason } = REQUEST_ERRORS.UNINTERESTED;
  return { type: "publish-namespace-cancel", ...subjectOf(request, dialect), code, reason };
}

/** Draft 14 names the namespace, 16 the request. */
const subjectOf = (request: Request, dialect: Dialect) =>
  dialect.has("hasSeparateAnswers") ? { namespace: namespaceOf(request) } : { requestId: request.id };
