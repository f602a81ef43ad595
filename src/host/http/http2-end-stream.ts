/**
 * Whether the peer ended its message (RFC 9113 §8.1). Node's "end" event says less: it also follows RST_STREAM, and a
 * code of NO_ERROR or CANCEL brings no error with it.
 */
import type { Http2Stream } from "node:http2";

/** To be called before the stream's first DATA frame. The function it returns says whether END_STREAM has arrived. */
export function watchEndStream(stream: Http2Stream): () => boolean {
  let ended = false;
  const push = stream.push;
  // Node pushes null once: for END_STREAM while the stream is open, and otherwise when it has marked the stream closed.
  stream.push = (chunk, encoding) => {
    if (chunk === null && !stream.closed && !stream.destroyed) ended = true;
    return push.call(stream, chunk, encoding);
  };
  return () => ended;
}
