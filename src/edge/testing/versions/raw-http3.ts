/** HTTP/3 as frames on QUIC streams (RFC 9114). */

import { FrameType } from "../../../h3/frames.ts";
import { frame, headers, settings, varint } from "../../../h3/testing/raw-peer.ts";
import { systemClock, wallTime } from "../../../host/clock.ts";
import { cryptoEngine } from "../../../host/engine/engine.ts";
import { QuicDriver } from "../../../host/quic/driver.ts";
import { systemRng } from "../../../host/random.ts";
import { bindPortableSocket } from "../../../host/udp/portable-socket.ts";
import { QpackDecoder } from "../../../qpack/index.ts";
import { type Connection, connectionConfig, Endpoint, type StreamId } from "../../../quic/index.ts";
import { type ClientSession, createTlsClient, type TlsClientConfig } from "../../../tls/index.ts";
import { Reader } from "../../../wire/reader.ts";
import { concat } from "../../../wire/text.ts";
import { AnswerBuilder, linesOf, type OpenRawClient, type RawAnswer, type RawRequest } from "./raw-message.ts";

/** More than these tests ever reach. */
const UNLIMITED = 2 ** 30;

/** Splits a stream into frames. */
class AnswerReader {
  readonly answer = new AnswerBuilder();
  readonly #settle: (answer: RawAnswer) => void;
  readonly #decoder: QpackDecoder;
  readonly #id: StreamId;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(id: StreamId, decoder: QpackDecoder, settle: (answer: RawAnswer) => void) {
    this.#id = id;
    this.#decoder = decoder;
    this.#settle = settle;
  }

  push(bytes: Uint8Array, fin: boolean): void {
    this.#bytes = concat(this.#bytes, bytes);
    for (let next = this.#frame(); next !== undefined; next = this.#frame()) {
      const { type, payload } = next;
      if (type === FrameType.DATA) this.answer.content(payload);
      if (type !== FrameType.HEADERS) continue;
      const lines = this.#decoder.decode(this.#id, payload);
      if (typeof lines !== "string") this.answer.section(lines);
    }
    if (fin) this.end(undefined);
  }

  end(cut: RawAnswer["cut"]): void {
    this.#settle(this.answer.end(cut));
  }

  #frame(): { type: number; payload: Uint8Array } | undefined {
    const reader = new Reader(this.#bytes);
    try {
      const type = reader.varint();
      const length = reader.varint();
      if (this.#bytes.length - reader.position < length) return undefined;
      const payload = this.#bytes.subarray(reader.position, reader.position + length);
      this.#bytes = this.#bytes.subarray(reader.position + length);
      return { type, payload };
    } catch {
      return undefined; // the header is not complete
    }
  }
}

function requestBytes(request: RawRequest): Uint8Array {
  const content = (request.body ?? []).map((chunk) => frame(FrameType.DATA, Buffer.from(chunk, "latin1")));
  const trailing = request.trailers === undefined ? [] : [headers(request.trailers)];
  return concat(headers(linesOf(request)), ...content, ...trailing);
}

/** A connection to which a test sends bytes. */
export interface RawHttp3 {
  readonly isOpen: () => boolean;
  /** A session that another connection can resume. */
  readonly session: Promise<ClientSession>;
  /** Sends bytes on a new request stream, which stays open without `fin`. */
  send(bytes: Uint8Array, fin: boolean): Promise<RawAnswer>;
  close(): void;
}

export async function connectRawHttp3(port: number, tls: Partial<TlsClientConfig> = {}): Promise<RawHttp3> {
  const engine = await cryptoEngine();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng: systemRng }) });
  const driver = new QuicDriver(endpoint, [await bindPortableSocket(0, "127.0.0.1")]);
  const remote = { family: 4, host: "127.0.0.1", port } as const;
  const connection: Connection = endpoint.connect(
    {
      remote,
      createTls: (transportParameters) =>
        createTlsClient({
          engine,
          rng: systemRng,
          alpn: ["h3"],
          transportParameters,
          serverName: "localhost",
          wallTime: () => wallTime(systemClock),
          ...tls,
        }),
    },
    driver.now(),
  );
  const decoder = new QpackDecoder({
    maxTableCapacity: 0,
    maxBlockedStreams: 0,
    maxFieldSectionSize: UNLIMITED,
    maxBlockedBytes: UNLIMITED,
  });
  const answers = new Map<StreamId, AnswerReader>();
  let isOpen = true;
  let keep: (session: ClientSession) => void;
  const session = new Promise<ClientSession>((resolve) => {
    keep = resolve;
  });
  const read = (id: StreamId): void => {
    for (let chunk = connection.read(id); chunk !== undefined; chunk = connection.read(id)) {
      answers.get(id)?.push(chunk.bytes, chunk.fin);
    }
  };
  await new Promise<void>((resolve, reject) => {
    driver.attach(connection, {
      handleEvent: (event) => {
        switch (event.type) {
          case "verify-certificate":
            connection.certificateVerdict(undefined, driver.now());
            break;
          case "connected": {
            const control = connection.openStream("uni")!;
            connection.write(control, concat(varint(0), settings()), false);
            resolve();
            break;
          }
          case "session":
            keep(event.session);
            break;
          case "stream-readable":
            read(event.id);
            break;
          case "stream-reset":
            answers.get(event.id)?.end(Number(event.code));
            break;
          case "closed":
            isOpen = false;
            for (const answer of answers.values()) answer.end("closed");
            reject(new Error("the connection is closed"));
        }
      },
    });
  });
  return {
    isOpen: () => isOpen,
    session,
    send: (bytes, fin) =>
      new Promise((resolve) => {
        const id = connection.openStream("bidi")!;
        answers.set(id, new AnswerReader(id, decoder, resolve));
        connection.write(id, bytes, fin);
      }),
    close: () => {
      connection.close(0x100, "");
      void driver.close();
    },
  };
}

/** Uses one connection for all requests, and opens a new one if it was closed after being idle. */
export const openRawHttp3: OpenRawClient = async (port) => {
  let current = await connectRawHttp3(port);
  return {
    version: "h3",
    send: async (request) => {
      if (!current.isOpen()) {
        current.close();
        current = await connectRawHttp3(port);
      }
      return current.send(requestBytes(request), true);
    },
    close: () => current.close(),
  };
};
