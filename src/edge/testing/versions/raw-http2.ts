/** HTTP/2 as frames on a TLS socket (RFC 9113). */

import { once } from "node:events";
import { connect } from "node:tls";
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FrameReader,
  frame,
  GOAWAY,
  HEADERS,
  PREFACE,
  RST_STREAM,
  SETTINGS,
} from "../../../host/http/testing/http2-frames.ts";
import { decodeHpack, encodeHpack } from "./hpack.ts";
import { AnswerBuilder, linesOf, type OpenRawClient, type RawAnswer, type RawRequest } from "./raw-message.ts";

const MAX_FRAME = 16_384;
const HEADER_TABLE_SIZE = 0x1;
const STREAM = 1;

/** HEADERS and as many CONTINUATION frames as the section needs. */
function sectionFrames(section: Buffer, flags: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < section.length; at += MAX_FRAME) {
    const isLast = at + MAX_FRAME >= section.length;
    const type = at === 0 ? HEADERS : CONTINUATION;
    const own = (at === 0 ? flags : 0) | (isLast ? END_HEADERS : 0);
    frames.push(frame(type, own, STREAM, section.subarray(at, at + MAX_FRAME)));
  }
  return Buffer.concat(frames);
}

function requestFrames(request: RawRequest): Buffer {
  const { body = [], trailers } = request;
  const parts = [
    sectionFrames(encodeHpack(linesOf(request)), body.length + (trailers?.length ?? 0) > 0 ? 0 : END_STREAM),
  ];
  body.forEach((chunk, index) => {
    const isLast = index === body.length - 1 && trailers === undefined;
    parts.push(frame(DATA, isLast ? END_STREAM : 0, STREAM, Buffer.from(chunk, "latin1")));
  });
  if (trailers !== undefined) parts.push(sectionFrames(encodeHpack(trailers), END_STREAM));
  return Buffer.concat(parts);
}

/** Each request has its own connection, since some of them end it. */
async function send(port: number, request: RawRequest): Promise<RawAnswer> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  const answer = new AnswerBuilder();
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  const ended = new Promise<RawAnswer>((resolve) => {
    let section: Buffer = Buffer.alloc(0);
    let endsStream = false;
    const reader = new FrameReader((type, flags, stream, payload) => {
      if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0));
      if (type === GOAWAY && payload.readUInt32BE(4) !== 0) resolve(answer.end("closed"));
      if (stream !== STREAM) return;
      if (type === HEADERS || type === CONTINUATION) {
        if (type === HEADERS) endsStream = (flags & END_STREAM) !== 0;
        section = Buffer.concat([section, payload]);
        if ((flags & END_HEADERS) === 0) return;
        answer.section(decodeHpack(section));
        section = Buffer.alloc(0);
        if (endsStream) resolve(answer.end(undefined));
      }
      if (type === DATA) {
        answer.content(payload);
        if ((flags & END_STREAM) !== 0) resolve(answer.end(undefined));
      }
      if (type === RST_STREAM) resolve(answer.end(payload.readUInt32BE(0)));
    });
    socket.on("data", (data: Buffer) => reader.push(data));
    socket.on("close", () => resolve(answer.end("closed")));
  });
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings), requestFrames(request)]));
  try {
    return await ended;
  } finally {
    socket.destroy();
  }
}

export const openRawHttp2: OpenRawClient = async (port) => ({
  version: "h2",
  send: (request) => send(port, request),
  close: () => undefined,
});
