/** Pipes between streams of a session: what leaves, and how both streams end, is that of any pipe of web streams. */

import { expect, test } from "vitest";
import type { StreamChunk, StreamId } from "../../quic/index.ts";
import { type Carrier, Session } from "../../webtransport/index.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import { WebTransportError } from "./error.ts";
import { ReceiveHalf } from "./receive-stream.ts";
import { SendHalf } from "./send-stream.ts";

const ID = 4 as StreamId;

/** A stream in both directions. `arrive` is the peer; `log` is what the peer sees. */
function stream() {
  const log: string[] = [];
  const received: StreamChunk[] = [];
  let hasRoom = true;
  const carrier = {
    read: () => received.shift(),
    write: (_id: StreamId, bytes: Uint8Array, fin: boolean) => {
      log.push(`${fromUtf8(bytes)}${fin ? "." : ""}`);
      return hasRoom;
    },
    reset: (_id: StreamId, code: number) => log.push(`reset ${code}`),
    stopSending: (_id: StreamId, code: number) => log.push(`stop ${code}`),
    setOrder: () => undefined,
  } as unknown as Carrier;
  const session = new Session(carrier);
  const over: string[] = [];
  const source = new ReceiveHalf(session, ID, () => over.push("source"));
  const sink = new SendHalf(session, ID, {}, () => over.push("sink"));
  const arrive = (text: string, fin = false): void => {
    received.push({ bytes: utf8(text), fin });
    source.handleReadable();
  };
  const setRoom = (to: boolean): void => {
    hasRoom = to;
    if (to) sink.handleWritable();
  };
  return { log, over, source, sink, readable: source.stream, writable: sink.stream, arrive, setRoom };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Both ways to pipe: the direct one, and that of web streams, which options ask for. */
const WAYS = [
  ["directly", undefined],
  ["by web streams", {}],
] as const;

test.each(WAYS)("%s: bytes and the end go through, and both streams are closed and unlocked", async (_way, options) => {
  const { log, over, sink, readable, writable, arrive } = stream();
  arrive("early ");
  const piped = readable.pipeTo(writable, options);
  expect([readable.locked, writable.locked]).toEqual([true, true]);
  await turn();
  arrive("late");
  await turn();
  arrive("", true);
  await turn();
  expect(log.join("")).toBe("early late.");
  sink.handleFinished();
  await piped;
  await turn();
  expect(over.sort()).toEqual(["sink", "source"]);
  expect([readable.locked, writable.locked]).toEqual([false, false]);
  await readable.getReader().closed;
  await writable.getWriter().closed;
  expect([(await readable.getStats()).bytesRead, (await writable.getStats()).bytesWritten]).toEqual([10, 10]);
});

test.each(WAYS)("%s: nothing is read while there is no room", async (_way, options) => {
  const { log, readable, writable, arrive, setRoom } = stream();
  setRoom(false);
  readable.pipeTo(writable, options).catch(() => undefined);
  await turn();
  for (const text of ["a", "b", "c"]) arrive(text);
  await turn();
  const before = log.length;
  expect(before).toBeLessThan(3);
  setRoom(true);
  await turn();
  expect(log).toEqual(["a", "b", "c"]);
});

test.each(WAYS)("%s: a reset of the source resets the destination with its code", async (_way, options) => {
  const { log, over, source, readable, writable } = stream();
  const piped = readable.pipeTo(writable, options);
  await turn();
  source.handleReset(42);
  await expect(piped).rejects.toMatchObject({ streamErrorCode: 42 });
  expect(log).toEqual(["reset 42"]);
  expect(over.sort()).toEqual(["sink", "source"]);
  expect([readable.locked, writable.locked]).toEqual([false, false]);
});

test.each(WAYS)("%s: a destination that is stopped stops the source with its code", async (_way, options) => {
  const { log, over, sink, readable, writable } = stream();
  const piped = readable.pipeTo(writable, options);
  await turn();
  sink.handleStopped(43);
  await expect(piped).rejects.toMatchObject({ streamErrorCode: 43 });
  expect(log).toEqual(["stop 43"]);
  expect(over.sort()).toEqual(["sink", "source"]);
  expect([readable.locked, writable.locked]).toEqual([false, false]);
});

test.each(WAYS)("%s: the end of the session ends both", async (_way, options) => {
  const { source, sink, readable, writable } = stream();
  const piped = readable.pipeTo(writable, options);
  await turn();
  const gone = new WebTransportError("gone", { source: "session" });
  sink.fail(gone);
  source.fail(gone);
  await expect(piped).rejects.toBe(gone);
});

test("a locked stream cannot be piped, and one that has ended says so", async () => {
  const { readable, writable, arrive } = stream();
  const reader = readable.getReader();
  await expect(readable.pipeTo(writable)).rejects.toThrow(TypeError);
  arrive("", true);
  expect((await reader.read()).done).toBe(true);
  reader.releaseLock();
  const writer = writable.getWriter();
  writer.close();
  writer.releaseLock();
  await expect(stream().readable.pipeTo(writable)).rejects.toThrow(TypeError);
});

test("what a reader of a part left is not lost", async () => {
  const { log, readable, writable, arrive } = stream();
  arrive("head and body");
  const reader = readable.getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(4));
  expect(fromUtf8(value!)).toBe("head");
  reader.releaseLock();
  readable.pipeTo(writable).catch(() => undefined);
  await turn();
  arrive("!", true);
  await turn();
  expect(log.join("")).toBe(" and body!.");
});

test("a reader that gave up waiting does not take what a pipe is for", async () => {
  const { log, readable, writable, arrive } = stream();
  const reader = readable.getReader();
  const waiting = reader.read();
  reader.releaseLock();
  await expect(waiting).rejects.toThrow(TypeError);
  readable.pipeTo(writable).catch(() => undefined);
  arrive("all of it", true);
  await turn();
  expect(log.join("")).toBe("all of it.");
});
