/** A program with real worker processes, under real traffic. */

import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { type Client, createClient } from "../../src/client/index.ts";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import type { Protocol } from "../../src/host/client/session.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { Load } from "./load.ts";
import { Program, removeProgram } from "./program-process.ts";

/** `HANDOVERS=100 RELOADS=1000 npx vitest run test/workers` is the full run. */
const HANDOVERS = Number(process.env.HANDOVERS ?? 1);
const RELOADS = Number(process.env.RELOADS ?? 6);
const TIMEOUT = 60_000 + 60_000 * HANDOVERS + 2_000 * RELOADS;
const ca = String(localhostIdentity.cert);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(removeProgram);

async function start(...options: Parameters<typeof Program.start>): Promise<Program> {
  const program = await Program.start(...options);
  closers.push(() => program.close());
  return program;
}

function clientFor(protocol: Protocol, trusted: string = ca): Client {
  const client = createClient({
    protocols: [protocol],
    ca: trusted,
    resolve: () => ["127.0.0.1"],
    connectTimeout: 60_000,
  });
  closers.push(() => client.destroy());
  return client;
}

interface Reply {
  readonly version: string;
  readonly pid: number;
}

const ask = async (client: Client, url: string): Promise<Reply> => (await (await client.fetch(url)).json()) as Reply;

describe.each([
  ["auto", HANDOVERS],
  ["portable", 1],
])("under load, on the %s engine", (engine, handovers) => {
  test(
    `${handovers} handovers to a new program fail no request`,
    async () => {
      const program = await start({}, engine === "auto" ? {} : { NAGARE_ENGINE: engine });
      const load = new Load(program.url, ca);
      closers.push(() => load.stop());
      await load.progress();
      const workers = new Set(await program.workers());
      for (let i = 2; i <= handovers + 1 && load.failures.length === 0; i += 1) {
        program.configure({ version: String(i) });
        await program.run("reload");
        await load.progress();
        for (const pid of await program.workers()) workers.add(pid);
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(load.versions.size).toBe(handovers + 1);
      expect(workers.size).toBe(2 * (handovers + 1));
    },
    TIMEOUT,
  );
});

test(
  `${RELOADS} new certificates under load fail no request`,
  async () => {
    const pairs = [makeCertificate({ names: ["localhost"] }), makeCertificate({ names: ["localhost"] })] as const;
    const program = await start({ cert: pairs[0].cert, key: pairs[0].key });
    const load = new Load(program.url, pairs.map(({ cert }) => cert).join(""));
    closers.push(() => load.stop());
    for (let i = 1; i <= RELOADS; i += 1) await program.run("certificates", pairs[i % 2]!);
    await program.run("certificates", pairs[1]);
    for (const protocol of ["h3", "h2", "http/1.1"] as const) {
      expect((await ask(clientFor(protocol, pairs[1].cert), program.url)).version).toBe("1");
      await expect(ask(clientFor(protocol, pairs[0].cert), program.url)).rejects.toMatchObject({
        code: expect.stringMatching(/^CERTIFICATE_/),
      });
    }
    await load.progress();
    await load.stop();
    expect(load.failures).toEqual([]);
    // A worker that starts again has them too.
    const [victim] = await program.workers();
    process.kill(victim!, "SIGKILL");
    await vi.waitUntil(
      async () => !(await program.workers()).includes(victim!) && (await program.workers()).length === 2,
      {
        timeout: 20_000,
      },
    );
    for (let i = 0; i < 6; i += 1) {
      expect((await ask(clientFor("http/1.1", pairs[1].cert), program.url)).version).toBe("1");
    }
  },
  TIMEOUT,
);

test("killing a worker loses only its own connections, and clients hear of it at once", async () => {
  const program = await start();
  const byWorker = new Map<number, Client[]>();
  const workers = await program.workers();
  for (let i = 0; i < 40 || byWorker.size < 2; i += 1) {
    const client = clientFor("h3");
    const { pid } = await ask(client, program.url);
    byWorker.set(pid, [...(byWorker.get(pid) ?? []), client]);
  }
  expect([...byWorker.keys()].sort()).toEqual([...workers].sort());
  const [victim, survivor] = workers as [number, number];
  process.kill(victim, "SIGKILL");
  for (const client of byWorker.get(survivor)!) {
    const response = await client.fetch(program.url);
    expect(((await response.json()) as Reply).pid).toBe(survivor);
    expect(client.facts(response)?.reused).toBe(true);
  }
  // The next worker in its place answers with a stateless reset, and the request is repeated on a new connection.
  for (const client of byWorker.get(victim)!.slice(0, 5)) {
    const { pid } = await ask(client, program.url);
    expect(pid).not.toBe(victim);
  }
  expect(program.stderr).toContain("ended: signal SIGKILL");
}, 60_000);

describe("a reload", () => {
  test("lets a download over each version finish in its own generation, and later requests reach the next one", async () => {
    const program = await start();
    const downloads = await Promise.all(
      (["h3", "h2", "http/1.1"] as const).map(async (protocol) => {
        const client = clientFor(protocol);
        const before = await ask(client, program.url);
        // Pauses until the reload is over, whatever it takes.
        const response = await client.fetch(`${program.url}/slow?pauses=200`);
        return { protocol, client, before, content: response.arrayBuffer() };
      }),
    );
    program.configure({ version: "2" });
    await program.run("reload");
    const contents = await Promise.all(downloads.map(({ content }) => content));
    expect(contents.map(({ byteLength }) => byteLength)).toEqual([200_000, 200_000, 200_000]);
    for (const { protocol, client, before } of downloads) {
      const after = await ask(clientFor(protocol), program.url);
      expect(after.version).toBe("2");
      expect(after.pid).not.toBe(before.pid);
      // HTTP/1.1 tells only with a response that the connection ends.
      if (protocol === "http/1.1") await ask(client, program.url);
      expect((await ask(client, program.url)).version).toBe("2");
    }
  }, 60_000);

  test("with a broken program keeps the running one, and says why", async () => {
    const program = await start();
    program.configure({ version: "broken" });
    await expect(program.run("reload")).rejects.toThrow(/^worker [01] ended before it served: exit code 1$/);
    expect(program.stderr).toContain("this version is broken");
    for (const protocol of ["h3", "h2", "http/1.1"] as const) {
      expect((await ask(clientFor(protocol), program.url)).version).toBe("1");
    }
  }, 60_000);

  test("with a broken certificate keeps the running one, and says why", async () => {
    const program = await start();
    program.configure({ key: makeCertificate({ names: ["localhost"] }).key });
    await expect(program.run("reload")).rejects.toThrow("the key does not belong to the certificate");
    expect((await ask(clientFor("h3"), program.url)).version).toBe("1");
  }, 60_000);

  test("closes what is left after the drain timeout, and says so in the protocol's words", async () => {
    const program = await start({ drainTimeout: 500 });
    const responses = await Promise.all(
      (["h3", "h2", "http/1.1"] as const).map((protocol) =>
        clientFor(protocol).fetch(`${program.url}/slow?pauses=9999`),
      ),
    );
    await program.run("reload");
    const outcomes = await Promise.allSettled(responses.map((response) => response.arrayBuffer()));
    const reasons = outcomes.map((outcome) => String((outcome as PromiseRejectedResult).reason));
    expect(reasons[0]).toContain("H3_NO_ERROR");
    for (const reason of reasons) expect(reason).toContain("before the response");
  }, 60_000);

  test("keeps the session tickets of TLS over TCP", async () => {
    const program = await start();
    const handshake = async (session?: Buffer) => {
      const options = { port: program.port, host: "127.0.0.1", servername: "localhost", ca };
      const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
      closers.push(() => socket.destroy());
      const ticket = session ?? once(socket, "session").then(([given]) => given as Buffer);
      await once(socket, "secureConnect");
      return { isResumed: socket.isSessionReused(), ticket: await ticket };
    };
    const { ticket } = await handshake();
    await program.run("reload");
    for (let i = 0; i < 4; i += 1) expect((await handshake(ticket)).isResumed).toBe(true);
  }, 60_000);
});
