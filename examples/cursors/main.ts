// Everybody's cursor, by WebTransport datagrams: an old position is never sent again, and holds no newer one back.
// Run it: npm run examples -- cursors
import { developmentIdentity, serve } from "nagare";
import type { WebTransportSession } from "nagare/webtransport";

const identity = await developmentIdentity();
const hash = `[${[...identity.sha256].join()}]`;

const PAGE = `<!doctype html><meta charset="utf-8"><title>Cursors</title>
<style>body { height: 100vh; margin: 0 } i { position: fixed; width: 12px; height: 12px; border-radius: 6px }</style>
<script type="module">
  const serverCertificateHashes = [{ algorithm: "sha-256", value: new Uint8Array(${hash}) }];
  const session = new WebTransport(location.href, { serverCertificateHashes });
  await session.ready;
  const writer = session.datagrams.writable.getWriter();
  addEventListener("pointermove", ({ clientX, clientY }) => writer.write(new Uint16Array([clientX, clientY])));
  const cursors = new Map();
  const reader = session.datagrams.readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const [who, x, y] = new Uint16Array(next.value.slice().buffer);
    if (!cursors.has(who)) {
      cursors.set(who, document.body.appendChild(document.createElement("i")));
      cursors.get(who).style.background = "hsl(" + who * 137 + " 70% 50%)";
    }
    cursors.get(who).style.translate = x + "px " + y + "px";
  }
</script>`;

const others = new Map<WritableStreamDefaultWriter<Uint8Array>, number>();
let count = 0;

async function join(session: WebTransportSession): Promise<void> {
  const own = session.datagrams.createWritable().getWriter();
  const number = count++;
  others.set(own, number);
  try {
    for await (const position of session.datagrams.readable) {
      if (position.byteLength !== 4) continue;
      const moved = new Uint8Array([number & 255, (number >> 8) & 255, ...position]);
      for (const other of others.keys()) if (other !== own) other.write(moved).catch(() => undefined);
    }
  } finally {
    others.delete(own);
  }
}

export const server = await serve({ port: Number(process.env.PORT ?? 4433), tls: identity }, (_request, context) => {
  if (context.webtransport === undefined) {
    return new Response(PAGE, { headers: { "content-type": "text/html" } });
  }
  const session = context.webtransport.accept();
  join(session).catch(() => undefined); // the session was cut off
  return session.response;
});
console.log(server.url.href);
