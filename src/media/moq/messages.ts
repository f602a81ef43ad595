/** Control messages, in one shape for all drafts. What a draft does not have is left out when it is written, and missing when it is read. */

import type { VarInt } from "../../wire/varint.ts";
import type { KeyValue, Namespace, Parameters, SetupOptions, TrackName } from "./model.ts";

/** Requests that draft 14 answers with messages of their own. */
export type RequestKind =
  | "subscribe"
  | "publish"
  | "fetch"
  | "track-status"
  | "publish-namespace"
  | "subscribe-namespace";

/** In drafts with a shared control stream, answers name their request. */
interface Answer {
  readonly requestId?: number;
  /** In draft 14, what is answered. */
  readonly of?: RequestKind;
}

/** The first message of each side. */
export interface SetupMessage {
  /** From draft 17 on both sides send "setup". */
  readonly type: "setup" | "client-setup" | "server-setup";
  /** In draft 14: those that a client offers, or the one that a server chose. */
  readonly versions?: readonly number[];
  readonly options: SetupOptions;
}

/** The session will end soon. */
export interface GoawayMessage {
  readonly type: "goaway";
  /** Where to go; empty for the same place, and from clients. */
  readonly uri: string;
  /** Milliseconds until the session is closed; 0 if that is not said. */
  readonly timeout?: number;
  /** In draft 18, the first request that was not handled. */
  readonly requestId?: number;
}

/** Asks for a track, or for what is known of it. */
export interface SubscribeMessage {
  readonly type: "subscribe" | "track-status";
  readonly requestId: number;
  readonly track: TrackName;
  readonly parameters: Parameters;
}

/** A subscription is accepted. */
export interface SubscribeOkMessage extends Answer {
  readonly type: "subscribe-ok";
  readonly alias: VarInt;
  readonly parameters: Parameters;
  readonly properties?: readonly KeyValue[];
}

/** Changes a request. */
export interface RequestUpdateMessage {
  readonly type: "request-update";
  readonly requestId: number;
  /** In drafts with a shared control stream. */
  readonly existingRequestId?: number;
  readonly parameters: Parameters;
}

/** A request is accepted. */
export interface RequestOkMessage extends Answer {
  readonly type: "request-ok";
  readonly parameters: Parameters;
  /** Of a track, in answers to TRACK_STATUS. */
  readonly properties?: readonly KeyValue[];
}

/** Where a request is served instead. */
export interface Redirect {
  readonly uri: string;
  readonly track: TrackName;
}

/** A request is refused. */
export interface RequestErrorMessage extends Answer {
  readonly type: "request-error";
  /** One of `REQUEST_ERRORS`; draft 14 has other numbers for each request. */
  readonly code: number;
  /** Milliseconds after which to try again; undefined if never. */
  readonly retryAfter?: number;
  readonly reason: string;
  readonly redirect?: Redirect;
}

/** A publisher begins to send a track. */
export interface PublishMessage {
  readonly type: "publish";
  readonly requestId: number;
  readonly track: TrackName;
  readonly alias: VarInt;
  readonly parameters: Parameters;
  readonly properties?: readonly KeyValue[];
}

/** PUBLISH is accepted, up to draft 16. */
export interface PublishOkMessage {
  readonly type: "publish-ok";
  readonly requestId: number;
  readonly parameters: Parameters;
}

/** The publisher sends nothing more. */
export interface PublishDoneMessage {
  readonly type: "publish-done";
  readonly requestId?: number;
  /** One of `PUBLISH_DONE_CODES`. */
  readonly status: number;
  /** Streams that were opened; undefined if that is not known. */
  readonly streamCount?: number;
  readonly reason: string;
}

/** Asks for objects of the past. */
export interface FetchMessage {
  readonly type: "fetch";
  readonly requestId: number;
  /** Missing if the fetch joins a subscription. The range is the filter of the parameters. */
  readonly track?: TrackName;
  /** Up to draft 18: what was before the subscription of another request. */
  readonly joins?: { readonly requestId: number; readonly isRelative: boolean; readonly start: number };
  readonly parameters: Parameters;
}

/** A fetch is accepted. */
export interface FetchOkMessage extends Answer {
  readonly type: "fetch-ok";
  readonly endOfTrack: boolean;
  /** Inclusive; without an object, the whole group. */
  readonly end: { readonly group: number; readonly object?: number };
  readonly parameters: Parameters;
  readonly properties?: readonly KeyValue[];
}

/** Announces a namespace. */
export interface PublishNamespaceMessage {
  readonly type: "publish-namespace";
  readonly requestId: number;
  readonly namespace: Namespace;
  readonly parameters: Parameters;
}

/** Asks which namespaces, or tracks, there are. */
export interface SubscribeNamespaceMessage {
  /** "subscribe-tracks" from draft 18 on. */
  readonly type: "subscribe-namespace" | "subscribe-tracks";
  readonly requestId: number;
  readonly prefix: Namespace;
  /** In draft 16: 0 for tracks, 1 for namespaces, 2 for both. */
  readonly interest?: number;
  readonly parameters: Parameters;
}

/** A namespace appears or goes away. */
export interface NamespaceMessage {
  readonly type: "namespace" | "namespace-done";
  /** After the prefix of the request. */
  readonly suffix: Namespace;
}

/** Called PUBLISH_BLOCKED in draft 18. */
export interface PublishSkippedMessage {
  readonly type: "publish-skipped";
  readonly suffix: Namespace;
  readonly name: Uint8Array;
}

/** A subscription changed for another reason than an update. */
export interface PublishStateNotifyMessage {
  readonly type: "publish-state-notify";
  readonly parameters: Parameters;
}

/** Up to draft 16. */
export interface RequestIdMessage {
  readonly type: "unsubscribe" | "fetch-cancel" | "max-request-id" | "requests-blocked";
  readonly requestId: number;
}

/** Up to draft 16; draft 14 names the namespace, 16 the request. */
export interface NamespaceEndMessage {
  readonly type: "publish-namespace-done" | "unsubscribe-namespace";
  readonly requestId?: number;
  readonly namespace?: Namespace;
}

/** A namespace is not wanted any more, up to draft 16. */
export interface NamespaceCancelMessage {
  readonly type: "publish-namespace-cancel";
  readonly requestId?: number;
  readonly namespace?: Namespace;
  readonly code: number;
  readonly reason: string;
}

/** Any control message. */
export type ControlMessage =
  | SetupMessage
  | GoawayMessage
  | SubscribeMessage
  | SubscribeOkMessage
  | RequestUpdateMessage
  | RequestOkMessage
  | RequestErrorMessage
  | PublishMessage
  | PublishOkMessage
  | PublishDoneMessage
  | FetchMessage
  | FetchOkMessage
  | PublishNamespaceMessage
  | SubscribeNamespaceMessage
  | NamespaceMessage
  | PublishSkippedMessage
  | PublishStateNotifyMessage
  | RequestIdMessage
  | NamespaceEndMessage
  | NamespaceCancelMessage;

/** The names of the messages. */
export type MessageType = ControlMessage["type"];
