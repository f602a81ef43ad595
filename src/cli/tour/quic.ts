// QUIC v1 and HTTP/3: our server with real clients, our client with real servers.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "../../client/index.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { freePort } from "../../host/udp/free-port.ts";
import { CHROMIUM } from "../find-program.ts";
import { bytes, duration } from "../get/units.ts";
import { expectFile, expectSame, FILE_SIZE, sha256, startOwnServer } from "./own-server.ts";
import { Peer, peerPath, runPeer, untilReady } from "./peer.ts";
import { NoPeer, type Row, type RowContext } from "./row.ts";

const FILE = bytes(FILE_SIZE);

export const QUIC_ROWS: readonly Row[] = [
  {
    system: "quic",
    peer: "own",
    against: "own client",
    command: "nagare get -k --http3-only --trace https://localhost:4433/",
    async run(context) {
      await using server = await startOwnServer(context);
      await using client = http3Client(server.identity.cert);
      const body = randomBytes(FILE_SIZE);
      const response = await client.fetch(`${server.url}echo`, { method: "POST", body, signal: context.signal });
      expectSame(sha256(new Uint8Array(await response.arrayBuffer())), sha256(body));
      const { connection } = client.facts(response)!;
      return `${FILE} each way, handshake ${duration((connection.handshakeEnd ?? 0) - (connection.handshakeStart ?? 0))}`;
    },
  },
  {
    system: "quic",
    peer: "curl",
    against: "curl",
    command: "curl --http3-only -k https://localhost:4433/",
    async run(context) {
      const curl = await peerPath(context, "curl");
      const { stdout } = await runPeer(context, curl, ["--version"]);
      if (!/\bHTTP3\b/.test(stdout)) throw new NoPeer("this curl was built without HTTP/3");
      await using server = await startOwnServer(context);
      const args = ["-sS", "--http3-only", "--cacert", server.caFile, "-o", "file", `${server.url}file`];
      await runPeer(context, curl, args);
      await expectFile(context, "file", server.sha256);
      return `${FILE} fetched`;
    },
  },
  {
    system: "quic",
    peer: "gtlsclient",
    against: "ngtcp2's gtlsclient",
    command: "gtlsclient -q --exit-on-all-streams-close localhost 4433 https://localhost:4433/",
    async run(context) {
      const gtlsclient = await peerPath(context, "gtlsclient");
      await using server = await startOwnServer(context);
      await mkdir(join(context.directory, "download"));
      const target = ["127.0.0.1", String(server.port), `${server.url}file`];
      await runPeer(context, gtlsclient, [
        "-q",
        "--exit-on-all-streams-close",
        "--timeout=5s",
        "--download=download",
        ...target,
      ]);
      await expectFile(context, "download/file", server.sha256);
      return `${FILE} fetched`;
    },
  },
  {
    system: "quic",
    peer: "chromium",
    against: "Chromium",
    command: "nagare serve . --open",
    async run(context) {
      const chromium = await peerPath(context, ...CHROMIUM);
      await using server = await startOwnServer(context);
      const page = await runPeer(context, chromium, [
        "--headless=new",
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Chromium requires this to run as root
        `--user-data-dir=${join(context.directory, "profile")}`,
        "--disable-background-networking",
        "--host-resolver-rules=MAP * 127.0.0.1",
        `--origin-to-force-quic-on=localhost:${server.port}`,
        `--ignore-certificate-errors-spki-list=${server.identity.spkiHash}`,
        "--dump-dom",
        server.url,
      ]);
      const carried = /carried by (\S+)<\/p>/.exec(page.stdout)?.[1];
      if (carried !== "h3") throw new Error(`the page was carried by ${carried ?? "nothing"}`);
      return "a page, carried by h3";
    },
  },
  {
    system: "quic",
    peer: "caddy",
    against: "Caddy (quic-go)",
    command: "caddy file-server --domain localhost; nagare get -k --http3-only https://localhost/",
    async run(context) {
      const caddy = await peerPath(context, "caddy");
      const { cert, key } = await developmentIdentity({ directory: context.directory });
      const port = await freePort();
      await writeFile(join(context.directory, "cert.pem"), cert);
      await writeFile(join(context.directory, "key.pem"), key, { mode: 0o600 });
      await writeFile(join(context.directory, "Caddyfile"), caddyfile(port, await freePort()));
      const wanted = await randomFile(context);
      const peer = new Peer(context, caddy, ["run", "--config", "Caddyfile", "--adapter", "caddyfile"], {
        env: { XDG_DATA_HOME: join(context.directory, "data"), XDG_CONFIG_HOME: join(context.directory, "config") },
      });
      return download(context, peer, cert, port, wanted);
    },
  },
  {
    system: "quic",
    peer: "gtlsserver",
    against: "ngtcp2's gtlsserver",
    command: "gtlsserver -q -d . localhost 4433 key.pem cert.pem; nagare get -k --http3-only https://localhost:4433/",
    async run(context) {
      const gtlsserver = await peerPath(context, "gtlsserver");
      const { cert, key } = await developmentIdentity({ directory: context.directory });
      const port = await freePort();
      await writeFile(join(context.directory, "cert.pem"), cert);
      await writeFile(join(context.directory, "key.pem"), key, { mode: 0o600 });
      const wanted = await randomFile(context);
      const args = ["-q", "-d", "site", "127.0.0.1", String(port), "key.pem", "cert.pem"];
      return download(context, new Peer(context, gtlsserver, args), cert, port, wanted);
    },
  },
];

function http3Client(ca: string): Client {
  return createClient({ protocols: ["h3"], ca, connectTimeout: 3_000, headersTimeout: 10_000 });
}

/** Fetches /file from a server that is starting, and compares it with the original. */
async function download(context: RowContext, peer: Peer, ca: string, port: number, wanted: string): Promise<string> {
  await using client = http3Client(ca);
  try {
    const url = `https://localhost:${port}/file`;
    const response = await untilReady(context, peer, () => client.fetch(url, { signal: context.signal }));
    if (response.status !== 200) throw new Error(`the response status was ${response.status}`);
    const hash = createHash("sha256");
    for await (const chunk of response.body!) hash.update(chunk);
    expectSame(hash.digest("hex"), wanted);
    return `${FILE} fetched from it`;
  } finally {
    await client.destroy();
    await peer.stop();
  }
}

async function randomFile(context: RowContext): Promise<string> {
  const file = randomBytes(FILE_SIZE);
  await mkdir(join(context.directory, "site"));
  await writeFile(join(context.directory, "site", "file"), file);
  return sha256(file);
}

const caddyfile = (port: number, httpPort: number): string => `{
	admin off
	auto_https disable_redirects
	skip_install_trust
	http_port ${httpPort}
	https_port ${port}
	servers {
		protocols h1 h2 h3
	}
}
https://localhost:${port} {
	bind 127.0.0.1
	tls cert.pem key.pem
	root * site
	file_server
}
`;
