/** Frames of drafts that servers send about a connection: what a client does with them, in HTTP/2 and HTTP/3. */
import { ACCEPT_CH, ALTSVCB, MAX_CONNECTION_FRAME, parseAcceptChFrame, parseAltSvcbFrame } from "../../http/index.ts";
import {
  HTTP2_ENHANCE_YOUR_CALM,
  HTTP2_FRAME_SIZE_ERROR,
  HTTP2_PROTOCOL_ERROR,
  Http2FrameError,
  type Http2FrameHeader,
  Http2FrameReader,
} from "../../http/priority/index.ts";

/** What a client learns from them about the origin of the connection. */
export interface ServerFrameNews {
  /** Told the alternative name of an ALTSVCB frame; undefined to ignore such frames. */
  readonly onAltSvcb?: ((name: string) => void) | undefined;
  /** Told the newest ACCEPT_CH frame, as a value of Accept-CH, and when the connection has ended; undefined to ignore such frames. */
  readonly onAcceptCh?: ((value: string, closed: Promise<unknown>) => void) | undefined;
}

export class ServerFrames {
  readonly types: ReadonlySet<number>;
  readonly #origin: string;
  readonly #news: ServerFrameNews;

  constructor(origin: string, news: ServerFrameNews) {
    this.#origin = origin;
    this.#news = news;
    const { onAltSvcb, onAcceptCh } = news;
    this.types = new Set([...(onAltSvcb ? [ALTSVCB] : []), ...(onAcceptCh ? [ACCEPT_CH] : [])]);
  }

  /**
   * Returns false if the frame is malformed. The connection is authoritative for the origin that it was opened for; what is said about
   * others is ignored.
   */
  handle(type: number, payload: Uint8Array, version: 2 | 3, closed: Promise<unknown>): boolean {
    if (type === ALTSVCB) {
      const told = parseAltSvcbFrame(payload);
      if (told?.origin === this.#origin) this.#news.onAltSvcb?.(told.name);
      return told !== undefined;
    }
    const entries = parseAcceptChFrame(payload, version);
    const own = entries?.find(([origin]) => origin === this.#origin);
    if (own !== undefined) this.#news.onAcceptCh?.(own[1], closed);
    return entries !== undefined;
  }
}

/** Finds the frames in what a server sends over HTTP/2. Throws an Http2FrameError for one that ends the connection. */
export function http2ServerFrames(frames: ServerFrames, closed: Promise<unknown>): (bytes: Uint8Array) => void {
  const wants = ({ type, length, stream, flags }: Http2FrameHeader): boolean => {
    if (!frames.types.has(type)) return false;
    const name = type === ALTSVCB ? "ALTSVCB" : "ACCEPT_CH";
    // draft-davidben-http-client-hint-reliability §5.1: stream 0, no flags.
    if (stream !== 0 || flags !== 0) {
      throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, `${name} on stream ${stream} with flags ${flags}`);
    }
    if (length > MAX_CONNECTION_FRAME) throw new Http2FrameError(HTTP2_ENHANCE_YOUR_CALM, `${name} of ${length} bytes`);
    return true;
  };
  const reader = new Http2FrameReader(0, wants, ({ type }, payload) => {
    if (!frames.handle(type, payload, 2, closed)) {
      throw new Http2FrameError(HTTP2_FRAME_SIZE_ERROR, `frame 0x${type.toString(16)} is cut off`);
    }
  });
  return (bytes) => reader.read(bytes);
}
