/** HTTP/3 (RFC 9114) as a machine over QUIC streams. */

/** The machine. */
export { H3Connection } from "./connection.ts";
/** Error codes, and what a command throws when it is given a message that may not be sent. */
export { H3_ERRORS, type H3ErrorName, InvalidMessageError } from "./errors.ts";
/** What the machine says. */
export type { H3Event } from "./events.ts";
/** The frame table. */
export { FRAMES, FrameType } from "./frames.ts";
/** Heads of messages. */
export type { RequestHead, ResponseHead } from "./message.ts";
/** Content that was read. */
export type { ContentChunk } from "./message-reader.ts";
/** What a machine is made with. */
export type { H3Options } from "./options.ts";
/** A request to send. */
export type { OutgoingRequest } from "./outgoing.ts";
/** SETTINGS: the table, and what an extension adds to it. */
export { type ExtensionSetting, extensionValue, type KnownSettings, SETTINGS, type Settings } from "./settings.ts";
/** Streams of extensions. */
export { StreamClaims, type StreamEvent, type StreamOwner } from "./stream-claims.ts";
