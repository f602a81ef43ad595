/** Drafts of WebTransport after 12, between our client and our server: what they agree on, and flow control of sessions. */

import { afterAll, describe, expect, test } from "vitest";
import { exercise, FAREWELL } from "../../../interop/webtransport/exercise.ts";
import { serve } from "../../edge/serve.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { type AcceptedWebTransport, WebTransport, WebTransportError } from "./index.ts";

const errorWith = (streamErrorCode: number) => new WebTransportError("", { streamErrorCode });
const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const DRAFTS = { "draft-13": { webTransportDraft13: true }, "draft-15": { webTransportDraft15: true } } as const;
type Draft = keyof typeof DRAFTS;

/** Reads nothing of "/unread"; elsewhere it does what the client does, or sends everything back. */
async function start(draft: Draft) {
  const sessions: AcceptedWebTransport[] = [];
  const ends: Promise<unknown>[] = [];
  const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} };
  const server = await serve({ ...options, quic: { experimental: DRAFTS[draft] } }, (request, { webtransport }) => {
    const session = webtransport!.accept();
    sessions.push(session);
    const { pathname } = new URL(request.url);
    if (pathname === "/exercise") ends.push(exercise(session, errorWith, false));
    const echo = async () => {
      for await (const { readable, writable } of session.incomingBidirectionalStreams) {
        readable.pipeTo(writable).catch(() => undefined);
      }
    };
    if (pathname === "/echo") echo().catch(() => undefined);
    return session.response;
  });
  closers.push(() => server.close({ timeout: 0 }));
  return { server, sessions, ends };
}

const connect = (url: URL, experimental = {}): WebTransport =>
  new WebTransport(url, { client: { rejectUnauthorized: false, protocols: ["h3"], quic: { experimental } } });

describe.each(["draft-13", "draft-15"] as const)("%s", (draft) => {
  test("is agreed on, and everything works under its flow control", async () => {
    const { server, sessions, ends } = await start(draft);
    const session = connect(new URL("/exercise", server.url), DRAFTS[draft]);
    await session.ready;
    expect([session.inspect().version, sessions[0]!.inspect().version]).toEqual([draft, draft]);
    expect(await exercise(session, errorWith, true)).toEqual(FAREWELL);
    expect(await ends[0]).toEqual(FAREWELL);

    // A client that knows older drafts alone.
    const old = connect(new URL("/echo", server.url));
    await old.ready;
    expect(sessions[1]!.inspect().version).toBe("draft-02");
    old.close();
  });
});

test("9 MB in both directions pass through a session's windows of 8 MiB, and 600 streams through a limit of 256", async () => {
  const { server } = await start("draft-15");
  const session = connect(new URL("/echo", server.url), DRAFTS["draft-15"]);
  await session.ready;
  const roundTrip = async (size: number): Promise<number> => {
    const { readable, writable } = await session.createBidirectionalStream({ waitUntilAvailable: true });
    const writer = writable.getWriter();
    const sent = writer.write(new Uint8Array(size)).then(() => writer.close());
    let back = 0;
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) back += chunk.length;
    await sent;
    return back;
  };
  expect(await roundTrip(9_000_000)).toBe(9_000_000);
  const all = await Promise.all(Array.from({ length: 600 }, () => roundTrip(10)));
  expect(all.reduce((sum, size) => sum + size)).toBe(6000);
  session.close();
  await session.closed;
});

test("what is reset or stopped unread is given back: 10 MB on streams that nobody reads to the end", async () => {
  const { server, sessions } = await start("draft-15");
  const session = connect(new URL("/unread", server.url), DRAFTS["draft-15"]);
  await session.ready;
  const incoming = sessions[0]!.incomingUnidirectionalStreams.getReader();
  for (let n = 0; n < 160; n += 1) {
    const writer = (await session.createUnidirectionalStream({ waitUntilAvailable: true })).getWriter();
    await writer.write(new Uint8Array(60_000));
    const reader = (await incoming.read()).value!.getReader();
    if (n % 2 === 0) await reader.cancel(errorWith(1));
    else await writer.abort(errorWith(2));
    await Promise.allSettled([writer.closed, n % 2 === 0 ? undefined : rest(reader)]);
  }
  // The credit of the session is not spent.
  const last = (await session.createUnidirectionalStream()).getWriter();
  void last.write(new Uint8Array(1_000_000)).then(() => last.close());
  expect(await rest((await incoming.read()).value!.getReader())).toBe(1_000_000);
  expect(sessions[0]!.inspect().streams).toMatchObject({ incoming: 161, open: 0 });
  session.close({ closeCode: 3 });
  expect(await sessions[0]!.closed).toEqual({ closeCode: 3, reason: "" });
});

async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<number> {
  let sum = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) sum += next.value.length;
  return sum;
}
