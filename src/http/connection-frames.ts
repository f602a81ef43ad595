/**
 * Frames of drafts about a whole connection, from servers: ALTSVCB (draft-thomson-httpbis-alt-svcb-01) and ACCEPT_CH
 * (draft-davidben-http-client-hint-reliability). Neither has a number in IANA's registries.
 */

import { WireError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import { fromLatin1, latin1 } from "../wire/text.ts";
import { varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { HTTP2_HEADER_LENGTH } from "./priority/http2-wire.ts";

/** Ours, of those that HTTP/2 reserves for experiments (RFC 9113 §11.2), in HTTP/3 too: the draft says "to be determined". */
export const ALTSVCB = 0xfb;
/** As Chromium has it. */
export const ACCEPT_CH = 0x89;

/** Bytes of the longest payload that is read. */
export const MAX_CONNECTION_FRAME = 4_096;
/** Origins in one frame; later ones are ignored. */
const MAX_ENTRIES = 64;

/** A frame of the control stream, or of HTTP/2's stream 0. */
export interface ConnectionFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A-labels, with or without the dot at the end. */
export const ALTERNATIVE_NAME: RegExp =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$/;

/** True for a name that Alt-SvcB and ALTSVCB can carry. */
export const isAlternativeName = (text: string): boolean => ALTERNATIVE_NAME.test(text) && text.length <= 254;

/** The same for all versions: the origin with its length, then the name. */
export function emitAltSvcbFrame(origin: string, name: string): ConnectionFrame {
  const writer = new Writer(new Uint8Array(varintLength(origin.length) + origin.length + name.length));
  writer.varint(origin.length);
  writer.write(latin1(origin));
  writer.write(latin1(name));
  return { type: ALTSVCB, payload: writer.written() };
}

/** Undefined if the payload is too short for its length. */
export function parseAltSvcbFrame(payload: Uint8Array): { readonly origin: string; readonly name: string } | undefined {
  return parsed(() => {
    const reader = new Reader(payload);
    const origin = fromLatin1(reader.view(reader.varint()));
    return { origin, name: fromLatin1(reader.rest()) };
  });
}

/** Which hints origins ask for, as their Accept-CH would say. */
export type AcceptCh = readonly (readonly [origin: string, value: string])[];

/** Lengths have 16 bits in HTTP/2, and are variable-length integers in HTTP/3. */
export function emitAcceptChFrame(entries: AcceptCh, version: 2 | 3): ConnectionFrame {
  const strings = entries.flat();
  const writer = new Writer(new Uint8Array(strings.reduce((sum, each) => sum + 4 + each.length, 0)));
  for (const each of strings) {
    if (version === 2) writer.uint16(each.length);
    else writer.varint(each.length);
    writer.write(latin1(each));
  }
  return { type: ACCEPT_CH, payload: writer.written() };
}

/** Undefined if an entry is cut off. */
export function parseAcceptChFrame(payload: Uint8Array, version: 2 | 3): AcceptCh | undefined {
  return parsed(() => {
    const reader = new Reader(payload);
    const text = (): string => fromLatin1(reader.view(version === 2 ? reader.uint16() : reader.varint()));
    const entries: (readonly [string, string])[] = [];
    while (!reader.isAtEnd) {
      const entry = [text(), text()] as const;
      if (entries.length < MAX_ENTRIES) entries.push(entry);
    }
    return entries;
  });
}

/** On stream 0, without flags. */
export function emitHttp2Frame({ type, payload }: ConnectionFrame): Uint8Array {
  const frame = new Uint8Array(HTTP2_HEADER_LENGTH + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, payload.length >> 16);
  view.setUint16(1, payload.length & 0xffff);
  view.setUint8(3, type);
  frame.set(payload, HTTP2_HEADER_LENGTH);
  return frame;
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
