/** A file server and a client on Bun's own HTTP/3. */

import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values: options, positionals: paths } = parseArgs({
  args: Bun.argv.slice(2),
  allowPositionals: true,
  options: Object.fromEntries(
    ["role", "address", "cert", "key", "root", "ca", "name", "output", "idle", "quic"].map((name) => [
      name,
      { type: "string" },
    ]),
  ),
});

if (options.role === "server") serve();
else await download();

function serve() {
  const { cert, key, root, address } = options;
  const { hostname, port } = new URL(`https://${address}`);
  const bodies = new Map();
  Bun.serve({
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port),
    http2: true,
    http3: true,
    tls: { cert: Bun.file(cert), key: Bun.file(key) },
    async fetch(request) {
      // For benchmarks: the number of uploaded bytes, and N bytes from memory.
      if (request.method === "POST") {
        let bytes = 0;
        for await (const chunk of request.body) bytes += chunk.length;
        return new Response(`${bytes}`);
      }
      const size = /\/memory\/(\d+)$/.exec(request.url)?.[1];
      if (size !== undefined) {
        if (!bodies.has(size)) bodies.set(size, new Uint8Array(Number(size)).fill(0x61));
        return new Response(bodies.get(size));
      }
      const folder = resolve(root);
      const file = resolve(join(folder, decodeURIComponent(new URL(request.url).pathname)));
      const content = Bun.file(file);
      const isThere = file.startsWith(`${folder}/`) && (await content.exists());
      return isThere ? new Response(content) : new Response("not found", { status: 404 });
    },
  });
}

async function download() {
  // Over HTTP/3, fetch has no options for TLS; the authority comes from NODE_EXTRA_CA_CERTS.
  const { address, output } = options;
  await Promise.all(
    paths.map(async (path) => {
      const response = await fetch(`https://${address}${path}`, { protocol: "http3" });
      if (!response.ok) throw new Error(`status ${response.status} for ${path}`);
      await Bun.write(join(output, basename(path)), response);
    }),
  );
  console.log(JSON.stringify({ protocol: "h3" }));
  process.exit(0);
}
