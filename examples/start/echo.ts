// The other end of the page's WebTransport session: everything comes back.
import type { Context } from "nagare";
import type { AcceptedWebTransport } from "nagare/webtransport";

export function echo({ webtransport }: Context): Response {
  if (webtransport === undefined) return new Response("Open a WebTransport session here\n", { status: 405 });
  const session = webtransport.accept();
  const { readable } = session.datagrams;
  // What ends with the session is no error.
  for (const work of [readable.pipeTo(session.datagrams.createWritable()), echoBoth(session), echoOneWay(session)]) {
    work.catch(() => undefined);
  }
  return session.response;
}

async function echoBoth({ incomingBidirectionalStreams }: AcceptedWebTransport): Promise<void> {
  for await (const { readable, writable } of incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => undefined);
  }
}

async function echoOneWay(session: AcceptedWebTransport): Promise<void> {
  for await (const stream of session.incomingUnidirectionalStreams) {
    const back = await session.createUnidirectionalStream({ waitUntilAvailable: true });
    stream.pipeTo(back).catch(() => undefined);
  }
}
