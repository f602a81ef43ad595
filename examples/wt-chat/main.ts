// A chat over WebTransport: each message is a stream of its own, so that a long one holds no other back.
// Run it: npm run examples -- wt-chat
import { developmentIdentity, serve } from "nagare";
import type { WebTransportSession } from "nagare/webtransport";

const identity = await developmentIdentity();
const hash = `[${[...identity.sha256].join()}]`;

const PAGE = `<!doctype html><meta charset="utf-8"><title>Chat</title>
<form><input autofocus autocomplete="off"><button>Say</button></form><ul></ul>
<script type="module">
  const serverCertificateHashes = [{ algorithm: "sha-256", value: new Uint8Array(${hash}) }];
  const session = new WebTransport(location.href, { serverCertificateHashes });
  await session.ready;
  const input = document.querySelector("input");
  document.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    const writer = (await session.createUnidirectionalStream()).getWriter();
    await writer.write(new TextEncoder().encode(input.value));
    input.value = "";
    await writer.close();
  };
  const streams = session.incomingUnidirectionalStreams.getReader();
  for (let next = await streams.read(); !next.done; next = await streams.read()) {
    const line = document.createElement("li");
    line.textContent = await new Response(next.value).text();
    document.querySelector("ul").prepend(line);
  }
</script>`;

const sessions = new Set<WebTransportSession>();

async function say(text: string): Promise<void> {
  for (const session of sessions) {
    const writer = (await session.createUnidirectionalStream({ waitUntilAvailable: true })).getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.close().catch(() => undefined); // settles when the message has arrived, or the session has ended
  }
}

async function join(session: WebTransportSession): Promise<void> {
  sessions.add(session);
  try {
    for await (const message of session.incomingUnidirectionalStreams) {
      const text = new Response(message).text();
      text.then((all) => say(all.slice(0, 10_000))).catch(() => undefined);
    }
  } finally {
    sessions.delete(session);
  }
}

export const server = await serve({ port: Number(process.env.PORT ?? 4433), tls: identity }, (_request, context) => {
  if (context.webtransport === undefined) return new Response(PAGE, { headers: { "content-type": "text/html" } });
  const session = context.webtransport.accept();
  join(session).catch(() => undefined); // the session was cut off
  return session.response;
});
console.log(server.url.href);
