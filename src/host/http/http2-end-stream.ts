/**
 * Detects whether the peer ended its message (RFC 9113 §8.1). Node's "end" event does not: it also follows RST_STREAM,
 * and the codes NO_ERROR and CANCEL cause no error.
 */
import type { Http2Stream } from "node:http2";

/** Call when the stream is new. The returned function returns true if END_STREAM has arrived. */
export function watchEndStream(stream: Http2Stream): () => boolean {
  // Node emits "stream" in a later tick. If it was busy, all frames of the request have been handled before.
  let ended = stream.state.remoteClose === 1;
  const push = stream.push;
  // Node pushes null once: for END_STREAM while the stream is open, otherwise after marking the stream closed.
  stream.push = (chunk, encoding) => {
    if (chunk === null && !stream.closed && !stream.destroyed) ended = true;
    return push.call(stream, chunk, encoding);
  };
  return () => ended;
}
