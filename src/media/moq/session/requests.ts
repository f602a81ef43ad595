/** Requests of both sides: one message begins each, and others follow. */

import { violation } from "../errors.ts";
import type { ControlMessage, MessageType } from "../messages.ts";
import type { Location, Parameters } from "../model.ts";
import { deliveryOf, PLAIN_DELIVERY, type TrackDelivery } from "./delivery.ts";
import type { RequestMessage } from "./events.ts";

export interface Request {
  readonly id: number;
  readonly isOurs: boolean;
  readonly type: RequestMessage["type"];
  readonly message: RequestMessage;
  /** Those of the message, with all updates. */
  parameters: Parameters;
  /** The largest location when the subscription began. */
  largest: Location | undefined;
  /** What the publisher says of the track, and the first group that was sent, if that is our side. */
  delivery: TrackDelivery;
  firstGroup: number | undefined;
  /** True once it is accepted or refused. */
  isAnswered: boolean;
  isAccepted: boolean;
  /** True once PUBLISH_DONE came. */
  isDone: boolean;
  /** True once the streams of objects ended that belong to a fetch or to a subscription that is done. */
  isDataDone: boolean;
  /** Streams of objects that were opened for it. */
  streams: number;
}

const REQUESTS: ReadonlySet<MessageType> = new Set([
  "subscribe",
  "track-status",
  "publish",
  "fetch",
  "publish-namespace",
  "subscribe-namespace",
  "subscribe-tracks",
]);

export const isRequest = (message: ControlMessage): message is RequestMessage => REQUESTS.has(message.type);

/** What accepts each request, beside what refuses it. */
const ACCEPTS: Readonly<Record<RequestMessage["type"], MessageType>> = {
  subscribe: "subscribe-ok",
  fetch: "fetch-ok",
  publish: "request-ok",
  "track-status": "request-ok",
  "publish-namespace": "request-ok",
  "subscribe-namespace": "request-ok",
  "subscribe-tracks": "request-ok",
};

/** What may follow the answer, from the side that was asked. */
const FOLLOWS: Readonly<Record<RequestMessage["type"], readonly MessageType[]>> = {
  subscribe: ["publish-done", "publish-state-notify"],
  fetch: [],
  publish: ["request-update"],
  "track-status": [],
  "publish-namespace": [],
  "subscribe-namespace": ["namespace", "namespace-done"],
  "subscribe-tracks": ["publish-skipped"],
};

/** What the side that asked may send later, beside updates. */
const CONTINUES: Readonly<Partial<Record<RequestMessage["type"], readonly MessageType[]>>> = {
  publish: ["publish-done", "publish-state-notify", "request-ok", "request-error"],
};

/**
 * Checks a message after the first: `isFromAsker` if its sender made the request. Updates are answered, so answers may come
 * again. Returns true if it answers the request.
 */
export function checkFollowing(request: Request, message: ControlMessage, isFromAsker: boolean): boolean {
  const { type } = message;
  const where = `${request.type} ${request.id}`;
  if (isFromAsker) {
    if (type !== "request-update" && CONTINUES[request.type]?.includes(type) !== true) {
      throw violation(where, `an unexpected ${type}`);
    }
    return false;
  }
  if (!request.isAnswered) {
    if (type !== ACCEPTS[request.type] && type !== "request-error") throw violation(where, `${type} before an answer`);
    return true;
  }
  // Answers to updates.
  const isAnswer = type === "request-ok" || type === "request-error";
  if (!isAnswer && !FOLLOWS[request.type].includes(type)) throw violation(where, `an unexpected ${type}`);
  return false;
}

export function newRequest(message: RequestMessage, isOurs: boolean): Request {
  const { requestId: id, type } = message;
  const { parameters } = message;
  const largest = message.type === "publish" ? parameters.largest : undefined;
  const delivery = message.type === "publish" ? deliveryOf(message.properties, parameters) : PLAIN_DELIVERY;
  const state = {
    delivery,
    firstGroup: undefined,
    isAnswered: false,
    isAccepted: false,
    isDone: false,
    isDataDone: false,
    streams: 0,
  };
  return { id, isOurs, type, message, parameters, largest, ...state };
}
