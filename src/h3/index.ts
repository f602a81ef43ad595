/**
 * HTTP/3 (RFC 9114) as a machine over QUIC streams. Experimental.
 *
 * @module nagare/h3
 */

/** Frames of extensions on the control stream. */
export type { ConnectionFrame } from "../http/index.ts";
export { H3Connection } from "./connection.ts";
/** Error codes, and the error that a command throws for an invalid message. */
export { connectionError, H3_ERRORS, type H3ErrorName, InvalidMessageError } from "./errors.ts";
export type { H3Event } from "./events.ts";
/** The frame table. */
export { FRAMES, FrameType } from "./frames.ts";
/** Content that goes out with its head. */
export { MAX_JOINED_CONTENT } from "./headers-frames.ts";
export type { HttpDatagrams } from "./http-datagrams.ts";
/** Message heads. */
export type { RequestHead, ResponseHead } from "./message.ts";
/** Content read from a message. */
export type { ContentChunk } from "./message-reader.ts";
export { type H3Options, settingsFrom } from "./options.ts";
/** A request to send. */
export type { OutgoingRequest } from "./outgoing.ts";
/** The priorities of requests (RFC 9218). */
export type { Priorities } from "./priorities.ts";
/** SETTINGS: the table and the settings of extensions. */
export { type ExtensionSetting, extensionValue, type KnownSettings, SETTINGS, type Settings } from "./settings.ts";
/** Streams of extensions. */
export { StreamClaims, type StreamEvent, type StreamOwner } from "./stream-claims.ts";
/** Trace events of a connection, for loggers. */
export type { H3Trace, H3TraceEvent, TracedFrame } from "./trace.ts";
