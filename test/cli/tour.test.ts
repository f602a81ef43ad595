import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { colorsFor } from "../../src/cli/io.ts";
import { Peer, runPeer } from "../../src/cli/tour/peer.ts";
import { reportLines } from "../../src/cli/tour/report.ts";
import { NoPeer, type Row, type RowReport } from "../../src/cli/tour/row.ts";
import { SYSTEMS, type System } from "../../src/cli/tour/systems.ts";
import { runRow } from "../../src/cli/tour/tour.ts";
import { captureRelay } from "../../src/host/udp/capturing-relay.ts";
import { run } from "./run.ts";

let directory: string;
let cache: string | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-tour-test-"));
  cache = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = directory;
});

afterAll(async () => {
  if (cache === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cache;
  await rm(directory, { recursive: true });
});

describe("the table of systems", () => {
  test("names are unique, and built systems have their folders", () => {
    expect(new Set(SYSTEMS.map(({ name }) => name)).size).toBe(SYSTEMS.length);
    for (const { status, folders } of SYSTEMS) {
      if (status !== "built") continue;
      for (const folder of folders) expect(existsSync(new URL(`../../src/${folder}/`, import.meta.url))).toBe(true);
    }
  });
});

describe("nagare tour", () => {
  test("runs our server against our client", async () => {
    const { exitCode, stdout } = await run(["tour", "--only", "quic/own", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      system: "quic",
      against: "own client",
      outcome: "ok",
      detail: expect.stringContaining("each way"),
      command: expect.stringMatching(/^nagare /),
    });
    expect(exitCode).toBe(0);
  });

  test("compares a recording in qlog with what tshark sees, if there is tshark", async () => {
    const { exitCode, stdout } = await run(["tour", "--only", "qlog/tshark", "--json"], {
      env: { PATH: process.env.PATH! },
    });
    const { outcome, detail } = JSON.parse(stdout);
    expect(exitCode).toBe(0);
    if (outcome === "no peer here") return;
    expect(detail).toMatch(/^\d+ frames sent and \d+ received: recorded as tshark sees them$/);
  }, 30_000);

  test("runs one listener on node:https and on nagare/node", async () => {
    const { exitCode, stdout } = await run(["tour", "--only", "quic/node", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      against: "node:https",
      outcome: "ok",
      detail: "one listener, 5 requests: the same answers over http/1.1, h2, h3",
    });
    expect(exitCode).toBe(0);
  });

  test.each([
    ["loss-recovery", /^1\.05 MB over 20 Mbit\/s, 30 ms, 1 % loss: CUBIC .*, BBR /],
    ["migration", /^1\.05 MB, while a NAT and then the client changed the port$/],
    ["zero-rtt", /in 0-RTT/],
  ])("runs %s with our client", async (system, detail) => {
    const { exitCode, stdout } = await run(["tour", "--only", `${system}/own`, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "ok", detail: expect.stringMatching(detail) });
    expect(exitCode).toBe(0);
  });

  test("reports systems that are not built, which is not a failure", async () => {
    const planned = SYSTEMS.find(({ status }) => status === "not built")!;
    const { exitCode, stdout } = await run(["tour", "--only", planned.name]);
    expect(stdout).toMatch(new RegExp(`${planned.title} +not built\n`));
    expect(exitCode).toBe(0);
  });

  test("only built systems have rows, and all of them do", async () => {
    for (const { name, status } of SYSTEMS) {
      if (status === "built") continue;
      const { stdout } = await run(["tour", "--only", name, "--json"]);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "not built" });
    }
  });
});

describe("the printed report", () => {
  const layout = { colors: colorsFor(process.stdout, { NO_COLOR: "1" }), width: 80, titleWidth: 40, peerWidth: 19 };
  const base: RowReport = {
    ...{ system: "quic", title: "QUIC v1 and HTTP/3", peer: "gtlsserver", against: "ngtcp2's gtlsserver" },
    ...{ outcome: "ok", milliseconds: 1234, detail: "1.05 MB fetched from it" },
    command: `gtlsserver -q -d . localhost 4433 key.pem cert.pem; ${"nagare get --keylog keys --http3-only ".repeat(3)}URL`,
  };

  test("fits the terminal, and its commands can be copied", () => {
    const lines = reportLines(base, true, layout);
    expect(lines).toEqual([
      "QUIC v1 and HTTP/3",
      "✓ ngtcp2's gtlsserver   1.23 s  1.05 MB fetched from it",
      "  gtlsserver -q -d . localhost 4433 key.pem cert.pem",
      "  nagare get --keylog keys --http3-only nagare get --keylog keys \\",
      "    --http3-only nagare get --keylog keys --http3-only URL",
    ]);
    expect(reportLines(base, false, layout)).toEqual(lines.slice(1));
  });

  test.each(["failed", "no peer here"] as const)("wraps long details (%s)", (outcome) => {
    const report = { ...base, outcome, detail: "word ".repeat(40).trim() };
    const lines = reportLines(report, true, layout);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.join(" ").match(/word/g)).toHaveLength(40);
    expect(lines.some((line) => line.includes("nagare get"))).toBe(outcome === "failed");
  });

  test("nothing in the whole table is wider than 80 columns", () => {
    for (const { name, title } of SYSTEMS) {
      const report = { ...base, system: name, title, outcome: "not built" } as const;
      for (const line of reportLines(report, true, layout)) expect(line.length).toBeLessThanOrEqual(80);
    }
  });
});

describe("a row", () => {
  const system: System = SYSTEMS[0]!;
  const row = (body: Row["run"]): Row => ({ system: "quic", peer: "x", against: "x", command: "true", run: body });
  const reportOf = (body: Row["run"], signal = new AbortController().signal): Promise<RowReport> =>
    runRow(system, row(body), { env: process.env }, signal);

  test("has its own folder, which is deleted afterwards", async () => {
    let own = "";
    const report = await reportOf(async (context) => {
      own = context.directory;
      expect(existsSync(own)).toBe(true);
      return "seen";
    });
    expect(report).toMatchObject({ outcome: "ok", detail: "seen" });
    expect(existsSync(own)).toBe(false);
  });

  test("that throws has failed, and reports the reason", async () => {
    const report = await reportOf(() => Promise.reject(new Error("broken")));
    expect(report).toMatchObject({ outcome: "failed", detail: "broken" });
  });

  test("without its peer has neither passed nor failed", async () => {
    const report = await reportOf(() => Promise.reject(new NoPeer("curl is not on PATH")));
    expect(report).toMatchObject({ outcome: "no peer here", detail: "curl is not on PATH", milliseconds: null });
  });

  test("that is interrupted stops its peers", async () => {
    const controller = new AbortController();
    let peer: Peer | undefined;
    const running = reportOf(async (context) => {
      peer = new Peer(context, process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      controller.abort(new Error("enough"));
      await peer.succeeded();
      return "";
    }, controller.signal);
    await expect(running).rejects.toThrow("enough");
    expect(peer!.running).toBe(false);
  });
});

describe("a peer", () => {
  const context = () => ({ directory, env: process.env, signal: new AbortController().signal });

  test("that succeeds returns its output; one that fails, its last lines", async () => {
    const { stdout } = await runPeer(context(), process.execPath, ["-p", "6 * 7"]);
    expect(stdout).toBe("42\n");
    const failing = ["-e", "console.error('first'); console.error('last'); process.exit(3)"];
    await expect(runPeer(context(), process.execPath, failing)).rejects.toThrow("node exited with 3: last");
    await expect(runPeer(context(), "/nowhere/program", [])).rejects.toThrow("program exited with");
  });

  test("is stopped even if it ignores the signal", async () => {
    const stubborn =
      "process.on('SIGTERM', () => console.log('no')); console.log('ready'); setInterval(() => {}, 1000)";
    const peer = new Peer(context(), process.execPath, ["-e", stubborn]);
    while (!peer.stdout.includes("ready")) await new Promise(setImmediate);
    await peer.stop();
    expect(peer.running).toBe(false);
  });
});

test("the relay forwards datagrams and captures both directions", async () => {
  const server = createSocket("udp4");
  server.on("message", (message, { port }) => server.send(message, port, "127.0.0.1"));
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  const path = join(directory, "relay.pcap");
  const client = createSocket("udp4");
  {
    await using relay = await captureRelay(port, path);
    client.send("hello", relay.port, "127.0.0.1");
    expect(String((await once(client, "message"))[0])).toBe("hello");
  }
  client.close();
  server.close();
  const capture = await readFile(path);
  expect(capture.readUInt32LE(0)).toBe(0xa1b2c3d4);
  const record = 16 + 20 + 8 + 5; // pcap's record header, IPv4, UDP, "hello"
  expect(capture.length).toBe(24 + 2 * record);
  const [there, back] = [capture.subarray(24 + 16), capture.subarray(24 + record + 16)];
  expect(there.readUInt16BE(22)).toBe(port); // destination
  expect(back.readUInt16BE(20)).toBe(port); // source
  expect(there.subarray(28, 33).toString()).toBe("hello");
  expect(checksum(there.subarray(0, 20))).toBe(0xffff);
});

/** RFC 1071: all ones over a header that includes its checksum. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

describe("nagare doctor", () => {
  test("checks everything, as text and JSON", async () => {
    const { exitCode, stdout } = await run(["doctor", "--json"], { env: { SSLKEYLOGFILE: join(directory, "keys") } });
    const checks = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const byName = Object.fromEntries(checks.map((check) => [check.name, check]));
    expect(byName.node).toMatchObject({ verdict: "ok", detail: expect.stringContaining(process.version) });
    expect(byName["UDP over IPv4"].verdict).toBe("ok");
    expect(byName["HTTP/3 to itself"].verdict).toBe("ok");
    expect(byName["HTTP/2 to itself"].verdict).toBe("ok");
    expect(byName.certificate).toMatchObject({ verdict: "ok", detail: expect.stringContaining(directory) });
    expect(byName.SSLKEYLOGFILE.detail).toContain("anyone who can read this file");
    expect(byName.Chromium).toMatchObject({ verdict: "absent", advice: expect.any(String) }); // no PATH was given
    expect(checks.every(({ verdict }) => ["ok", "failed", "absent"].includes(verdict))).toBe(true);
    expect(exitCode).toBe(checks.some(({ verdict }) => verdict === "failed") ? 1 : 0);
    const { stdout: text } = await run(["doctor"]);
    for (const { name } of checks) expect(text).toMatch(new RegExp(`^[✓✗–] ${name.replace("/", "\\/")} `, "m"));
  });
});
