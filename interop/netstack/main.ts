/**
 * Our own TCP/IP against programs on the Linux kernel, over a TAP device in a network namespace:
 * `npm run interop-netstack -- [--mebibytes N] [--seconds N]`. curl and nginx move files over a clean and a bad link, iperf3
 * measures bulk data both ways beside the kernel's own loopback, and a thousand connections are open at once. Needs root, Linux,
 * ip(8) and koffi. Prints a line for each check, and exits with 1 if one fails.
 */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { SeededRng } from "../../src/base/rng.ts";
import {
  createHost,
  type ImpairOptions,
  impair,
  missingForTap,
  type NetHost,
  TapNamespace,
} from "../../src/host/netstack/index.ts";
import { KERNEL, OURS } from "../../src/host/netstack/tap-namespace.ts";
import { check } from "../check.ts";
import { Child, runChild } from "../child.ts";
import { debianProgram } from "../install/debian.ts";
import { Skip } from "../result.ts";
import { type Moved, runIperf3, serveIperf3 } from "./iperf3.ts";

const { values } = parseArgs({
  options: { mebibytes: { type: "string", default: "1024" }, seconds: { type: "string", default: "5" } },
});
const MEBIBYTE = 2 ** 20;
const seconds = Number(values.seconds);
const BAD: ImpairOptions = { loss: 0.05, reordering: 0.05, duplication: 0.02, delay: 1 };
const log = (line: string): void => console.error(line);

const directory = await mkdtemp(join(tmpdir(), "nagare-netstack-"));
/** nginx drops its privileges, so everyone may enter. */
await mkdir(join(directory, "site"), { mode: 0o777 });

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

interface File {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly digest: string;
}

async function createFile(name: string, mebibytes: number): Promise<File> {
  const path = join(directory, "site", name);
  const rng = new SeededRng(mebibytes);
  const stream = createWriteStream(path);
  for (let i = 0; i < mebibytes; i += 1) {
    const part = new Uint8Array(MEBIBYTE);
    rng.fill(part.subarray(0, 4_096));
    if (!stream.write(part)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
  return { path, name, size: mebibytes * MEBIBYTE, digest: await digestOf(path) };
}

interface World {
  readonly host: NetHost;
  readonly namespace: TapNamespace;
  /** Runs a program in the namespace. */
  run(...command: readonly string[]): Promise<Child>;
  start(...command: readonly string[]): Child;
}

async function withWorld<T>(faults: ImpairOptions | undefined, run: (world: World) => Promise<T>): Promise<T> {
  // With offload one fault would hit whole frames of 64 KiB.
  using namespace = await TapNamespace.open({ offload: faults === undefined });
  const device = faults === undefined ? namespace.link : impair(namespace.link, faults);
  using host = createHost({ device, addresses: [`${OURS.ipv4}/24`, `${OURS.ipv6}/64`] });
  const inside = (command: readonly string[]): readonly string[] => ["/usr/bin/env", ...namespace.exec, ...command];
  return await run({
    host,
    namespace,
    run: (...command) => runChild(inside(command)),
    start: (...command) => new Child(inside(command)),
  });
}

/** Sends a file for GET, and answers PUT with the digest of what came. */
function respond(file: File, message: IncomingMessage, response: ServerResponse): void {
  if (message.method === "GET") {
    response.writeHead(200, { "content-length": file.size });
    createReadStream(file.path)
      .on("error", () => response.destroy())
      .pipe(response);
    return;
  }
  const hash = createHash("sha256");
  message.on("data", (part: Buffer) => hash.update(part)).on("end", () => response.end(hash.digest("hex")));
}

function same(digest: string, file: File): void {
  if (digest !== file.digest) throw new Error(`the bytes differ: ${digest} instead of ${file.digest}`);
}

const rate = (bytes: number, milliseconds: number): string =>
  `${Math.round(bytes / MEBIBYTE / (milliseconds / 1_000))} MiB/s`;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const url = (address: string, name = ""): string =>
  `http://${address.includes(":") ? `[${address}]` : address}/${name}`;

/** curl downloads and uploads a file. */
async function curlBothWays(world: World, address: string, file: File): Promise<string> {
  const curl = await debianProgram("curl", "curl", log);
  const copy = join(directory, "copy");
  const down = await timed(() => world.run(curl, "-sSf", "-o", copy, url(address)));
  same(await digestOf(copy), file);
  let answer = "";
  const up = await timed(async () => {
    answer = (await world.run(curl, "-sSf", "-T", file.path, "-H", "Expect:", url(address))).stdout;
  });
  same(answer, file);
  await rm(copy);
  return `${file.size / MEBIBYTE} MiB down ${rate(file.size, down)}, up ${rate(file.size, up)}, the same bytes`;
}

const NGINX = (folder: string): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_max_body_size 0;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((each) => `${each}_temp_path ${folder}/${each};`).join(" ")}
  server {
    listen ${KERNEL.ipv4}:80;
    listen [${KERNEL.ipv6}]:80;
    root ${folder}/site;
    location /up/ { dav_methods PUT; create_full_put_path on; }
  }
}
`;

/** Our client downloads from nginx and uploads to it. */
async function nginxBothWays(world: World, address: string, file: File): Promise<string> {
  const nginx = await debianProgram("nginx", "nginx-light", log);
  const configuration = join(directory, "nginx.conf");
  await writeFile(configuration, `${process.getuid?.() === 0 ? "user root;" : ""}${NGINX(directory)}`);
  await using server = world.start(nginx, "-e", "stderr", "-p", directory, "-c", configuration);
  await server.until(async () => {
    const socket = world.host.net.connect(80, address);
    return await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)])
      .catch(() => false)
      .finally(() => socket.destroy());
  });
  const ask = async (method: string, path: string): Promise<IncomingMessage> => {
    const sent = request({ method, host: address, path, createConnection: world.host.net.connect });
    if (method === "PUT") {
      sent.setHeader("content-length", file.size);
      createReadStream(file.path).pipe(sent);
    } else sent.end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    if (response.statusCode !== 200 && response.statusCode !== 201)
      throw new Error(`nginx says ${response.statusCode}`);
    return response;
  };
  const hash = createHash("sha256");
  const down = await timed(async () => pipeline(await ask("GET", `/${file.name}`), hash));
  same(hash.digest("hex"), file);
  const up = await timed(async () => (await ask("PUT", "/up/copy")).resume());
  const copy = join(directory, "site/up/copy");
  if ((await stat(copy)).size !== file.size) throw new Error("nginx has another number of bytes");
  same(await digestOf(copy), file);
  await rm(copy);
  return `${file.size / MEBIBYTE} MiB down ${rate(file.size, down)}, up ${rate(file.size, up)}, the same bytes`;
}

const megabits = ({ bytes, seconds: time }: Moved): number => (bytes * 8) / time / 1e6;

/** Megabits per second that iperf3's client reports as received. */
async function iperf3Client(world: World, iperf3: string, host: string, ...more: readonly string[]): Promise<number> {
  const { stdout } = await world.run(iperf3, "-c", host, "-t", String(seconds), "-J", ...more);
  const { end, error } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } }; error?: string };
  if (error !== undefined) throw new Error(error);
  return end.sum_received.bits_per_second / 1e6;
}

const ratio = (own: number, kernel: number): string =>
  `${Math.round(own)} Mbit/s, ${(own / kernel).toFixed(3)} of the kernel's loopback`;

async function measureBulk(): Promise<void> {
  const iperf3 = await debianProgram("iperf3", "iperf3", log);
  await withWorld(undefined, async (world) => {
    let loopback = 0;
    const results: (Moved | Error)[] = [];
    const listening = serveIperf3(world.host.net, 5_201, (result) => results.push(result));
    const perMegabyte = (before: NodeJS.CpuUsage, moved: Moved): string => {
      const { user, system } = process.cpuUsage(before);
      return `${((user + system) / 1_000 / (moved.bytes / 1e6)).toFixed(2)} ms of CPU per MB`;
    };
    const server = async (...more: readonly string[]): Promise<string> => {
      const before = process.cpuUsage();
      const received = await iperf3Client(world, iperf3, OURS.ipv4, ...more);
      const moved = results.at(-1);
      if (moved === undefined || moved instanceof Error) throw moved ?? new Error("our server saw no test");
      return `${ratio(received, loopback)}; ${perMegabyte(before, moved)}`;
    };
    await using kernel = world.start(iperf3, "-s", "--forceflush");
    await kernel.until(() => /listening/i.test(kernel.stdout));
    await check("iperf3 on the kernel's loopback", async () => {
      loopback = await iperf3Client(world, iperf3, "127.0.0.1");
      return `${Math.round(loopback)} Mbit/s`;
    });
    await check("iperf3 sends to our server", () => server());
    await check("iperf3 receives from our server", () => server("-R"));
    for (const reverse of [false, true]) {
      await check(`our client ${reverse ? "receives from" : "sends to"} iperf3`, async () => {
        const before = process.cpuUsage();
        const moved = await runIperf3(world.host.net, { host: KERNEL.ipv4, port: 5_201, seconds, reverse });
        return `${ratio(megabits(moved), loopback)}; ${perMegabyte(before, moved)}`;
      });
    }
    listening.close();
  });
}

/** Opens connections, and sends and receives a byte on each while all are open. */
const CROWD = (address: string, count: number): string => `
const net = require("node:net");
let open = 0, back = 0;
const sockets = Array.from({ length: ${count} }, () => net.connect(7, "${address}"));
for (const s of sockets) s.on("connect", () => { if (++open === ${count}) for (const each of sockets) each.write("x"); })
  .on("data", () => { if (++back === ${count}) { console.log(open + " " + back); for (const each of sockets) each.end(); } })
  .on("error", (error) => { console.log(error.message); process.exit(1); });
`;

const REQUESTS = (address: string, count: number): string => `
const http = require("node:http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
let left = ${count};
const start = performance.now();
const next = () => { if (left-- > 0) http.get({ host: "${address}", agent }, (r) => r.resume().on("end", next)); else if (left === -8) console.log(Math.round(${count} / ((performance.now() - start) / 1000))); };
for (let i = 0; i < 8; i++) next();
`;

async function run(): Promise<void> {
  const missing = missingForTap();
  if (missing !== undefined) throw new Skip(missing);
  const large = await createFile("large", Number(values.mebibytes));
  const small = await createFile("small", 20);
  for (const address of [OURS.ipv4, OURS.ipv6]) {
    await withWorld(undefined, async (world) => {
      world.host.serve(
        createServer((message, response) => respond(large, message, response)),
        80,
      );
      await check(`curl and our server, ${address}`, () => curlBothWays(world, address, large));
    });
  }
  for (const address of [KERNEL.ipv4, KERNEL.ipv6]) {
    await withWorld(undefined, async (world) => {
      await check(`our client and nginx, ${address}`, () => nginxBothWays(world, address, large));
    });
  }
  await withWorld(BAD, async (world) => {
    world.host.serve(
      createServer((message, response) => respond(small, message, response)),
      80,
    );
    await check("curl and our server, 5 % loss, reordering, duplication", () => curlBothWays(world, OURS.ipv4, small));
    await check("our client and nginx, 5 % loss, reordering, duplication", () =>
      nginxBothWays(world, KERNEL.ipv6, small),
    );
  });
  await measureBulk();
  await withWorld(undefined, async (world) => {
    world.host.net.createServer((socket) => void socket.on("error", () => {}).pipe(socket)).listen(7);
    world.host.serve(
      createServer((_, response) => response.end("hello")),
      80,
    );
    await check("a thousand connections at once", async () => {
      const { stdout } = await world.run(process.execPath, "-e", CROWD(OURS.ipv4, 1_000));
      if (stdout.trim() !== "1000 1000") throw new Error(stdout.trim());
      return "1000 open, a byte and its echo on each";
    });
    await check("small requests", async () => {
      const { stdout } = await world.run(process.execPath, "-e", REQUESTS(OURS.ipv4, 10_000));
      return `${stdout.trim()} requests per second of node:http on eight connections`;
    });
  });
}

await check("everything", async () => {
  await run();
  return "done";
}).finally(() => rm(directory, { recursive: true, force: true }));
