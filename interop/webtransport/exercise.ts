/**
 * What both ends of a session do: our client and server, and a page in a browser, run this same function; the programs in
 * `peers/` do the same in their languages. The side that sees a mistake closes the session with code 1 and says what it was.
 *
 * Each side opens four streams, named by their first byte, and repeats a datagram until it has one of the other side:
 *
 * - E, bidi: content, which the other side sends back
 * - U, uni: content
 * - R, bidi: the other side answers "R"; then it is reset with code 42
 * - S, bidi: the other side answers "S"; then its answer is stopped with code 43
 *
 * The side that does not close the session opens D, uni, when all of its own are done and it has seen all of the other's.
 */

import type { WebTransportCloseInfo, WebTransportSession } from "../../src/host/webtransport/web-transport-session.ts";

/** The code and reason of a session that both sides are content with. */
export const FAREWELL = { closeCode: 7, reason: "grüße" } as const;
/** Offered by the client; the server chooses the second. */
export const SUBPROTOCOLS = ["other", "interop"] as const;

type Session = Pick<
  WebTransportSession,
  | "createBidirectionalStream"
  | "createUnidirectionalStream"
  | "incomingBidirectionalStreams"
  | "incomingUnidirectionalStreams"
  | "datagrams"
  | "close"
  | "closed"
>;
/** Makes a `WebTransportError`; its constructor is not the same everywhere. */
type ErrorWith = (streamErrorCode: number) => unknown;

/** Refers to nothing outside of itself, because pages run its source. `closes` is true for the side that ends the session. */
export async function exercise(
  session: Session,
  errorWith: ErrorWith,
  closes: boolean,
): Promise<Required<WebTransportCloseInfo>> {
  const [RESET, STOP, SIZE] = [42, 43, 100_000];
  const content = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const bytes = (text: string, more: Uint8Array = new Uint8Array(0)) => Uint8Array.of(text.charCodeAt(0), ...more);
  type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read">;

  const rest = async (reader: Reader): Promise<Uint8Array> => {
    const all: number[] = [];
    for (let next = await reader.read(); !next.done; next = await reader.read())
      for (const b of next.value) all.push(b);
    return Uint8Array.from(all);
  };
  /** The first byte as a letter, and a reader of what follows it. */
  const named = async (readable: ReadableStream<Uint8Array>): Promise<{ name: string; reader: Reader }> => {
    const reader = readable.getReader();
    let first = await reader.read();
    while (!first.done && first.value.length === 0) first = await reader.read();
    if (first.done) throw new Error("a stream without a name");
    let left: Uint8Array | undefined = first.value.subarray(1);
    const read: Reader["read"] = async () => {
      const value = left;
      left = undefined;
      return value === undefined ? reader.read() : { done: false, value };
    };
    return { name: String.fromCharCode(first.value[0]!), reader: { read } };
  };
  const compare = (what: string, got: Uint8Array): void => {
    if (got.length !== SIZE) throw new Error(`${what} has ${got.length} bytes`);
    if (got.some((byte, i) => byte !== content[i])) throw new Error(`${what} differs`);
  };
  const expectCode = async (what: string, code: number, ending: Promise<unknown>): Promise<void> => {
    const error = await ending.then(
      () => undefined,
      (reason: { readonly streamErrorCode?: number | null }) => reason,
    );
    if (error?.streamErrorCode !== code)
      throw new Error(`${what} ended with ${error?.streamErrorCode ?? String(error)}`);
  };

  const openEcho = async (): Promise<void> => {
    const { readable, writable } = await session.createBidirectionalStream();
    const writer = writable.getWriter();
    const sent = writer.write(bytes("E", content)).then(() => writer.close());
    compare("the echo", await rest(readable.getReader()));
    await sent;
  };
  const openUni = async (name: string, more?: Uint8Array): Promise<void> => {
    const writer = (await session.createUnidirectionalStream()).getWriter();
    await writer.write(bytes(name, more));
    await writer.close();
  };
  const openAnswered = async (name: "R" | "S"): Promise<void> => {
    const { readable, writable } = await session.createBidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(bytes(name));
    const reader = readable.getReader();
    const answer = await reader.read();
    if (answer.value?.[0] !== name.charCodeAt(0)) throw new Error(`a wrong answer on ${name}`);
    if (name === "R") await writer.abort(errorWith(RESET));
    else {
      await reader.cancel(errorWith(STOP));
      await writer.close();
    }
  };
  const answer = async (stream: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> }) => {
    const { name, reader } = await named(stream.readable);
    const writer = stream.writable.getWriter();
    const closed = writer.closed;
    closed.catch(() => undefined);
    if (name === "E") {
      for (let next = await reader.read(); !next.done; next = await reader.read()) await writer.write(next.value);
      await writer.close();
    } else if (name === "R" || name === "S") {
      await writer.write(bytes(name));
      if (name === "R") {
        await expectCode("a stream to be reset", RESET, rest(reader));
        await writer.close();
      } else {
        // Chromium's page may see that nobody reads any more before it sees the code: a `NetworkError` without one.
        const named = await closed.then(
          () => "",
          (error: Error) => error.name,
        );
        if (named !== "NetworkError") await expectCode("a stream to be stopped", STOP, closed);
      }
    } else throw new Error(`a stream with the name ${name}`);
  };

  /** Resolves when `count` streams were handled. */
  const each = async <T>(streams: ReadableStream<T>, count: number, handle: (stream: T) => Promise<void>) => {
    const reader = streams.getReader();
    const handled: Promise<void>[] = [];
    while (handled.length < count) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the other side opened ${handled.length} streams instead of ${count}`);
      const one = handle(value!);
      one.catch(() => undefined);
      handled.push(one);
    }
    await Promise.all(handled);
  };
  let isOver = false;
  const exchangeDatagrams = async (): Promise<void> => {
    const { datagrams } = session;
    const writer = datagrams.writable.getWriter();
    const repeat = async (): Promise<void> => {
      for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 200)))
        await writer.write(content.slice(0, 1000));
    };
    repeat().catch(() => undefined);
    const { value } = await datagrams.readable.getReader().read();
    if (value?.length !== 1000 || value.some((byte, i) => byte !== content[i])) throw new Error("a datagram differs");
  };

  let onDone!: () => void;
  const othersDone = new Promise<void>((resolve) => {
    onDone = resolve;
  });
  try {
    const uni = each(session.incomingUnidirectionalStreams, closes ? 2 : 1, async (readable) => {
      const { name, reader } = await named(readable);
      if (name === "U") compare("a one-way stream", await rest(reader));
      else if (name === "D") onDone();
      else throw new Error(`a stream with the name ${name}`);
    });
    await Promise.all([
      uni,
      each(session.incomingBidirectionalStreams, 3, answer),
      exchangeDatagrams(),
      openEcho(),
      openUni("U", content),
      openAnswered("R"),
      openAnswered("S"),
    ]);
    if (closes) {
      await othersDone;
      // As FAREWELL.
      session.close({ closeCode: 7, reason: "grüße" });
    } else await openUni("D").catch(() => undefined); // the end of the session may be faster than the acknowledgement
    return await session.closed.catch((error: Error) => {
      throw new Error(`the session was cut off: ${error.message}`);
    });
  } catch (error) {
    session.close({ closeCode: 1, reason: String((error as Error).message) });
    const { reason } = await session.closed.catch(() => ({ reason: "" }));
    throw new Error(`${(error as Error).message}${reason === "" ? "" : ` (the session ended with "${reason}")`}`);
  } finally {
    isOver = true;
  }
}
