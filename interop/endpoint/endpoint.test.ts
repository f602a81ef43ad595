/** run_endpoint.sh without Docker: server and client as processes on loopback, with stand-ins for the image's scripts. */

import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { chooseEngine } from "../../src/host/engine/engine.ts";
import { startUdpRelay } from "../../src/host/relay/udp-relay.ts";
import { VERSION_1, VERSION_2 } from "../../src/quic/versions/index.ts";
import { type BuiltProgram, buildProgram } from "../../test/built-program.ts";
import { ALL_SEEDS } from "../../test/properties/seeds.ts";
import { Child } from "../child.ts";
import { Wire } from "../wire.ts";

const KB = 1024;
const MB = 1024 * KB;

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = fileURLToPath(new URL("run_endpoint.sh", import.meta.url));
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
const hasEcn = (await chooseEngine()).udp.capabilities.ecn;

let program: BuiltProgram;
let folder: string;
let fixed: Readonly<Record<string, string>>;

beforeAll(async () => {
  program = await buildProgram("interop/endpoint/main.ts");
  folder = mkdtempSync(join(tmpdir(), "nagare-endpoint-"));
  mkdirSync(join(folder, "certs"));
  const { certChain, key } = makeCertificate({ names: ["server4", "localhost"] });
  writeFileSync(join(folder, "certs/cert.pem"), certChain);
  writeFileSync(join(folder, "certs/priv.key"), key);
  fixed = {
    NODE: process.execPath,
    ENDPOINT: program.path,
    SETUP: standIn("setup.sh"),
    WAIT_FOR_IT: standIn("wait-for-it.sh"),
  };
});

afterAll(() => {
  program?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** A program that says how it was called. */
function standIn(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho "${name} $*"\n`, { mode: 0o755 });
  return path;
}

const run = (env: Readonly<Record<string, string>>): Child =>
  new Child(["/bin/bash", script], { env: { ...fixed, ...env } });

/** The files of a case, and the folders of its endpoints. */
class Place {
  readonly folder = mkdtempSync(join(folder, "case-"));
  readonly www = join(this.folder, "www");
  readonly downloads = join(this.folder, "downloads");
  readonly keys = { server: join(this.folder, "server.log"), client: join(this.folder, "client.log") };
  /** The folder of recordings; empty for none, which is faster. */
  qlog = "";
  readonly names: string[] = [];

  constructor(sizes: readonly number[], prefix = "") {
    for (const each of [this.www, this.downloads]) mkdirSync(each);
    for (const [i, size] of sizes.entries()) {
      const name = `${prefix}${i}`;
      this.names.push(name);
      writeFileSync(join(this.www, name), randomFillSync(new Uint8Array(size)));
    }
  }

  async startServer(testCase: string, options = "--host 127.0.0.1"): Promise<{ child: Child; port: number }> {
    const child = run({
      ROLE: "server",
      TESTCASE: testCase,
      SSLKEYLOGFILE: this.keys.server,
      QLOGDIR: this.qlog,
      SERVER_PARAMS: `${options} --port 0 --www ${this.www} --certs ${join(folder, "certs")}`,
    });
    let port: string | undefined;
    await child.until(() => {
      port = /listening on UDP port (\d+)/.exec(child.stdout)?.[1];
      return port !== undefined;
    });
    return { child, port: Number(port) };
  }

  client(testCase: string, origin: string, names: readonly string[] = this.names): Child {
    return run({
      ROLE: "client",
      TESTCASE: testCase,
      SSLKEYLOGFILE: this.keys.client,
      QLOGDIR: this.qlog,
      REQUESTS: names.map((name) => `${origin}/${name}`).join(" "),
      CLIENT_PARAMS: `--downloads ${this.downloads}`,
    });
  }

  checkFiles(): void {
    for (const name of this.names) {
      const [received, original] = [this.downloads, this.www].map((each) => readFileSync(join(each, name)));
      expect(received!.equals(original!), name).toBe(true);
    }
  }
}

/** The server's port is behind a relay, which sees what the runner's checks see. */
async function transfer(place: Place, testCase: string, atServer = testCase): Promise<{ wire: Wire; output: string }> {
  const { child, port } = await place.startServer(atServer);
  await using server = child;
  const wire = new Wire();
  await using relay = await startUdpRelay({ server: { host: "127.0.0.1", port }, observe: wire.observe });
  const { stdout } = await place.client(testCase, `https://127.0.0.1:${relay.port}`).succeeded();
  place.checkFiles();
  expect(server.stdout).toContain("setup.sh");
  await server[Symbol.asyncDispose]();
  await server.succeeded();
  return { wire, output: stdout };
}

/** Each takes two processes for seconds, so that `npm test` leaves them to CI. */
const thorough = test.runIf(ALL_SEEDS);

describe.skipIf(process.platform === "win32").concurrent("run_endpoint.sh", () => {
  test("handshake: one connection without Retry; keys and events are logged", async ({ expect }) => {
    const place = new Place([KB]);
    place.qlog = join(place.folder, "qlog");
    const { wire, output } = await transfer(place, "handshake");
    expect(output).toMatch(/^setup\.sh \nwait-for-it\.sh sim:57832 -s -t 30\n/);
    expect(wire).toMatchObject({ handshakes: 1, retries: 0, versions: [VERSION_1] });
    for (const keys of Object.values(place.keys)) {
      expect(readFileSync(keys, "latin1")).toMatch(/^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64}$/m);
    }
    const recordings = readdirSync(place.qlog).sort();
    expect(recordings).toEqual([expect.stringMatching(/_client\.sqlog$/), expect.stringMatching(/_server\.sqlog$/)]);
    for (const name of recordings) {
      expect(readFileSync(join(place.qlog, name), "utf8")).toContain("connectivity:connection_closed");
    }
  });

  thorough("transfer: large files, and more small ones than streams at a time", async ({ expect }) => {
    const { wire } = await transfer(new Place([MB, MB / 2, 0, ...new Array<number>(1_100).fill(32)]), "transfer");
    expect(wire.handshakes).toBe(1);
  });

  thorough("chacha20", async ({ expect }) => {
    const { wire, output } = await transfer(new Place([100 * KB]), "chacha20");
    expect(output).toContain("TLS_CHACHA20_POLY1305_SHA256");
    expect(wire.handshakes).toBe(1);
  });

  thorough("keyupdate", async ({ expect }) => {
    expect((await transfer(new Place([MB]), "keyupdate", "transfer")).output).toContain("keys updated");
  });

  thorough("retry", async ({ expect }) => {
    const { wire, output } = await transfer(new Place([10 * KB]), "retry");
    expect(wire.handshakes).toBe(1);
    // A client that waits for long repeats its first packet, and gets another.
    expect(wire.retries).toBeGreaterThan(0);
    expect(output).toContain("Retry seen");
  });

  thorough("resumption: the second of two connections, without early data", async ({ expect }) => {
    const { wire, output } = await transfer(new Place([5 * KB, 10 * KB]), "resumption");
    expect(wire.handshakes).toBe(2);
    expect(output.match(/session resumed/g)).toHaveLength(1);
    expect(output).not.toContain("early data");
  });

  thorough("zerortt: all files but the first are requested in 0-RTT data", async ({ expect }) => {
    const { wire, output } = await transfer(new Place(new Array<number>(40).fill(32), "n".repeat(248)), "zerortt");
    expect(wire.handshakes).toBe(2);
    expect(output).toMatch(/39 files .*session resumed, early data accepted/);
    // A probe of the path MTU would use up a quarter of the runner's limit for 1-RTT packets, on each connection.
    expect(wire.largestFromClient).toBe(1200);
  });

  test("http3", async ({ expect }) => {
    const { wire, output } = await transfer(new Place([5 * KB, 10 * KB, 500 * KB]), "http3");
    expect(wire.handshakes).toBe(1);
    expect(output).not.toContain("hq-interop");
  });

  thorough("multiconnect: a connection for each file", async ({ expect }) => {
    expect((await transfer(new Place(new Array<number>(12).fill(KB)), "multiconnect")).wire.handshakes).toBe(12);
  });

  thorough("v2: the server converts the client's first flight", async ({ expect }) => {
    const { wire, output } = await transfer(new Place([KB]), "v2");
    expect(wire.versions).toEqual([VERSION_2]);
    expect(output).toContain("version 2");
  });

  test.skipIf(!hasEcn)("ecn", async ({ expect }) => {
    expect((await transfer(new Place([100 * KB]), "ecn")).wire.handshakes).toBe(1);
  });

  test.skipIf(!hasIPv6)(
    "connectionmigration: the client moves to the address of the other family",
    async ({ expect }) => {
      const place = new Place([MB]);
      const { child, port } = await place.startServer("connectionmigration", "--host 127.0.0.1 --prefer ::1");
      await using _ = child;
      const { stdout } = await place.client("transfer", `https://127.0.0.1:${port}`).succeeded();
      place.checkFiles();
      expect(stdout).toMatch(/hq-interop: ::1 port/);
    },
  );

  test.skipIf(!hasIPv6)("a server on all addresses has both families", async ({ expect }) => {
    const place = new Place([5 * KB]);
    const { child, port } = await place.startServer("transfer", "");
    await using _ = child;
    for (const host of ["[::1]", "127.0.0.1"]) {
      await place.client("transfer", `https://${host}:${port}`).succeeded();
      place.checkFiles();
    }
    expect(child.isRunning).toBe(true);
  });

  test("an unknown test case ends with 127", async ({ expect }) => {
    for (const ROLE of ["server", "client"]) {
      await expect(run({ ROLE, TESTCASE: "toString" }).succeeded()).rejects.toThrow("exited with 127");
    }
  });

  test("a missing file ends the client with 1, over either protocol", async ({ expect }) => {
    const place = new Place([KB]);
    const { child, port } = await place.startServer("handshake");
    await using _ = child;
    for (const testCase of ["handshake", "http3"]) {
      const client = place.client(testCase, `https://127.0.0.1:${port}`, ["0", "missing"]);
      await expect(client.succeeded()).rejects.toThrow(/exited with 1: .*missing/);
    }
  });
});

test("the Dockerfile copies what exists, and what the programs need", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "Dockerfile"), "utf8");
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources!.split(" "));
  expect(copied).toContain("src");
  for (const source of copied) expect(existsSync(join(root, source)), source).toBe(true);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const [, name] of dockerfile.matchAll(/npm run (?:--silent )?(\w+)/g)) expect(scripts).toHaveProperty([name!]);
  expect(copied).toContain("interop/endpoint/run_endpoint.sh");
});
