/**
 * CONNECT-UDP against real programs: `npm run interop-udp -- [--mebibytes N]`. Our proxy carries kdig's questions to Knot, curl's and
 * our own HTTP/3, and clients on quic-go, masque-go and aioquic; masque-go's proxy carries our clients. Prints a line for each check, and exits with 1 if one fails. A check whose peer
 * is not available is skipped, with the reason.
 */

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient, type UdpForwarder } from "../../src/client/index.ts";
import { createUdpProxy, type Server, serve } from "../../src/edge/index.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { createIdentities } from "../certificates.ts";
import { check } from "../check.ts";
import { Child, runChild } from "../child.ts";
import { debianProgram } from "../install/debian.ts";
import { goProgram } from "../install/go.ts";
import { pythonProgram } from "../install/python.ts";
import { trixieCommand } from "../install/trixie.ts";
import { isUdpBound } from "../port.ts";

const { values } = parseArgs({ options: { mebibytes: { type: "string", default: "100" } } });
const VERSIONS = ["http/1.1", "h2", "h3"] as const;
const HOST = "127.0.0.1";
const log = (line: string): void => console.error(line);

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-udp-"));
const identity = createIdentities(directory);
const tls = { certFile: identity.certFile, keyFile: identity.keyFile };
const body = randomBytes(Number(values.mebibytes) * 2 ** 20);
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const expected = digest(body);

interface Knot extends AsyncDisposable {
  readonly port: number;
}

/** Knot with one zone, which answers once it has read it. */
async function startKnot(): Promise<Knot> {
  const knotd = await debianProgram("knotd", "knot", log);
  const port = await freePort();
  await writeFile(
    join(directory, "zone"),
    '$TTL 300\n@ SOA ns a 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\ntext TXT "through the tunnel"\n',
  );
  await writeFile(
    join(directory, "knot.conf"),
    `server:\n  rundir: "${directory}"\n  listen: ${HOST}@${port}\ndatabase:\n  storage: "${directory}"\n` +
      `zone:\n  - domain: example.test.\n    storage: "${directory}"\n    file: zone\n`,
  );
  const child = new Child([knotd, "-c", join(directory, "knot.conf")]);
  await child.until(() => /zone file loaded|loaded, serial/.test(child.stdout + child.stderr));
  return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** A question for the text record, with the id 0x1234. */
const QUESTION = Buffer.concat([
  Buffer.from("123401000001000000000000", "hex"),
  Buffer.from("\x04text\x07example\x04test\0", "latin1"),
  Buffer.from("00100001", "hex"),
]).toString("hex");

/** Checks an answer's id, flags and records. */
function judge(answer: string): string {
  const bytes = Buffer.from(answer.trim(), "hex");
  const isRight =
    bytes.readUInt16BE(0) === 0x1234 &&
    (bytes[3]! & 0x0f) === 0 &&
    bytes.readUInt16BE(6) === 1 &&
    bytes.includes("through the tunnel");
  if (!isRight) throw new Error(`the answer is ${answer}`);
  return "Knot's answer is the record";
}

async function localPort<T>(
  proxy: Server,
  protocol: (typeof VERSIONS)[number],
  target: string,
  use: (forwarder: UdpForwarder) => Promise<T>,
): Promise<T> {
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  try {
    const via = `https://${HOST}:${proxy.port}`;
    await using forwarder = await client.forwardUdp(target, { via, onError: (error) => log(error.message) });
    return await use(forwarder);
  } finally {
    await client.destroy();
  }
}

async function kdigAsks(proxy: Server, knot: Knot, protocol: (typeof VERSIONS)[number]): Promise<string> {
  const kdig = await debianProgram("kdig", "knot-dnsutils", log);
  return localPort(proxy, protocol, `${HOST}:${knot.port}`, async ({ address }) => {
    const question = ["-p", `${address.port}`, "text.example.test.", "TXT", "+short", "+notcp", "+time=5"];
    const { stdout } = await runChild([kdig, `@${HOST}`, ...question]);
    if (stdout.trim() !== '"through the tunnel"') throw new Error(`kdig printed ${stdout}`);
    return stdout.trim();
  });
}

async function curlLoads(proxy: Server, site: Server, protocol: (typeof VERSIONS)[number]): Promise<string> {
  const curl = await trixieCommand("usr/bin/curl", log);
  return localPort(proxy, protocol, `${HOST}:${site.port}`, async ({ address }) => {
    const file = join(directory, "curl-body");
    const begin = performance.now();
    const { stdout } = await runChild([
      ...curl,
      ...["--silent", "--show-error", "--fail", "--http3-only", "--insecure", "--output", file],
      ...["--write-out", "%{http_version} %{size_download}"],
      `https://${HOST}:${address.port}/`,
    ]);
    const { stdout: sum } = await runChild(["/usr/bin/sha256sum", file]);
    if (!sum.startsWith(expected)) throw new Error(`the file differs: ${stdout}`);
    return `HTTP/${stdout} bytes, identical, ${Math.round(performance.now() - begin)} ms`;
  });
}

async function ownLoads(
  proxy: { readonly port: number },
  site: Server,
  protocol: (typeof VERSIONS)[number],
): Promise<string> {
  const via = { url: `https://${HOST}:${proxy.port}`, client: { protocols: [protocol], rejectUnauthorized: false } };
  await using client = createClient({ rejectUnauthorized: false, udpVia: via });
  const begin = performance.now();
  const response = await client.fetch(`https://${HOST}:${site.port}/`);
  const received = new Uint8Array(await response.arrayBuffer());
  if (digest(received) !== expected) throw new Error(`${received.length} bytes differ`);
  return `${client.facts(response)!.protocol}, ${received.length} bytes, identical, ${Math.round(performance.now() - begin)} ms`;
}

const masqueGo = async (): Promise<string> => {
  const { path } = await goProgram("masque-go", "github.com/quic-go/masque-go", log);
  return path;
};

async function masqueGoClient(proxy: Server, knot: Knot): Promise<string> {
  const template = `https://${HOST}:${proxy.port}/.well-known/masque/udp/{target_host}/{target_port}/`;
  const { stdout } = await runChild([await masqueGo(), "client", template, `${HOST}:${knot.port}`, QUESTION]);
  return judge(stdout);
}

interface MasqueGoProxy extends AsyncDisposable {
  readonly port: number;
}

async function startMasqueGo(): Promise<MasqueGoProxy> {
  const program = await masqueGo();
  const port = await freePort();
  const child = new Child([program, "proxy", `${HOST}:${port}`, tls.certFile, tls.keyFile]);
  await child.until(() => isUdpBound(port));
  return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Our client asks Knot through another proxy. */
async function ownAsks(proxy: MasqueGoProxy, knot: Knot): Promise<string> {
  await using client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  const socket = await client.connectUdp(`${HOST}:${knot.port}`, { via: `https://${HOST}:${proxy.port}` });
  const answered = once(socket, "message", { signal: AbortSignal.timeout(10_000) });
  socket.send(Buffer.from(QUESTION, "hex"));
  const [answer] = (await answered) as [Buffer];
  socket.close();
  return judge(answer.toString("hex"));
}

async function otherClient(command: readonly string[], proxy: Server, knot: Knot): Promise<string> {
  const path = `/.well-known/masque/udp/${HOST}/${knot.port}/`;
  const { stdout } = await runChild([...command, `${HOST}:${proxy.port}`, path, QUESTION]);
  return judge(stdout);
}

try {
  const site = await serve({ port: 0, host: HOST, tls, log: () => undefined }, () => new Response(body));
  let allow = [`${HOST}:${site.port}`];
  let udp = createUdpProxy({ allow });
  const proxy = await serve({ port: 0, host: HOST, tls, log }, (request, context) => udp.fetch(request, context));
  for (const protocol of VERSIONS) {
    await check(`own HTTP/3 through ${protocol}`, () => ownLoads(proxy, site, protocol));
  }
  for (const protocol of VERSIONS) {
    await check(`curl through nagare's local port over ${protocol}`, () => curlLoads(proxy, site, protocol));
  }
  await check("Knot", async () => {
    await using knot = await startKnot();
    allow = [...allow, `${HOST}:${knot.port}`];
    udp = createUdpProxy({ allow });
    for (const protocol of VERSIONS) {
      await check(`kdig to Knot over ${protocol}`, () => kdigAsks(proxy, knot, protocol));
    }
    await check("a client on quic-go", async () => {
      const { path } = await goProgram("connect-udp-quic-go", "github.com/quic-go/quic-go", log);
      return otherClient([path], proxy, knot);
    });
    await check("a client on masque-go", () => masqueGoClient(proxy, knot));
    await check("our clients through masque-go's proxy", async () => {
      await using other = await startMasqueGo();
      return `${await ownAsks(other, knot)}; ${await ownLoads(other, site, "h3")}`;
    });
    await check("a client on aioquic", async () =>
      otherClient((await pythonProgram("connect-udp-aioquic", log)).command, proxy, knot),
    );
    return "answered";
  });
  await udp.close();
  await proxy.close({ timeout: 0 });
  await site.close({ timeout: 0 });
} finally {
  await rm(directory, { recursive: true, force: true });
}
