/** PRIORITY_UPDATE in HTTP/2 (RFC 9218 §7.1): finds the frames in what a client sends, whose other frames it skips; writes one. */

import { fromLatin1, utf8 } from "../../wire/text.ts";
import { type Http2FrameHeader, Http2FrameReader, uint31 } from "./http2-frame-reader.ts";
import {
  HTTP2_ENHANCE_YOUR_CALM,
  HTTP2_FRAME_SIZE_ERROR,
  HTTP2_HEADER_LENGTH,
  HTTP2_PREFACE_LENGTH,
  HTTP2_PROTOCOL_ERROR,
  Http2FrameError,
} from "./http2-wire.ts";

export const PRIORITY_UPDATE = 0x10;
/** RFC 9218 §2.1 */
export const SETTINGS_NO_RFC7540_PRIORITIES = 0x9;
/** Bytes of the longest frame that is read. Browsers send 10. */
const MAX_LENGTH = 1024;

/** Reads a client's side of an HTTP/2 connection, in pieces of any size. */
export class PriorityUpdateReader {
  readonly #frames: Http2FrameReader;

  /** `onUpdate` gets the id of a request and the field's value. */
  constructor(onUpdate: (id: number, value: string) => void) {
    this.#frames = new Http2FrameReader(HTTP2_PREFACE_LENGTH, isUpdate, (_, payload) => {
      const id = uint31(payload, 0);
      if (id === 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE of stream 0");
      // We never push, so such a stream is idle.
      if (id % 2 === 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, `PRIORITY_UPDATE of push ${id}`);
      onUpdate(id, fromLatin1(payload, 4));
    });
  }

  /** Throws an Http2FrameError for a frame that ends the connection. */
  read(bytes: Uint8Array): void {
    this.#frames.read(bytes);
  }
}

/** RFC 9218 §7.1 */
function isUpdate({ type, length, stream }: Http2FrameHeader): boolean {
  if (type !== PRIORITY_UPDATE) return false;
  if (stream !== 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE on a stream");
  if (length < 4) throw new Http2FrameError(HTTP2_FRAME_SIZE_ERROR, `PRIORITY_UPDATE of ${length} bytes`);
  if (length > MAX_LENGTH) throw new Http2FrameError(HTTP2_ENHANCE_YOUR_CALM, `PRIORITY_UPDATE of ${length} bytes`);
  return true;
}

/** The frame that tells the priority of a request's stream: of ASCII, as `emitPriority` writes it. */
export function emitPriorityUpdate(id: number, value: string): Uint8Array {
  const text = utf8(value);
  const frame = new Uint8Array(HTTP2_HEADER_LENGTH + 4 + text.length);
  const view = new DataView(frame.buffer);
  view.setUint8(2, 4 + text.length);
  view.setUint8(3, PRIORITY_UPDATE);
  view.setUint32(HTTP2_HEADER_LENGTH, id); // RFC 9218 §7.1: on stream 0, without flags
  frame.set(text, HTTP2_HEADER_LENGTH + 4);
  return frame;
}
