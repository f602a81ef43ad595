/** A capture of a run, read and decrypted by tshark. Without tshark the test is skipped. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { PcapWriter, scenarios } from "../../src/sim/index.ts";
import { files, KB } from "./interop-runner/files.ts";
import { runCase } from "./interop-runner/run.ts";

const hasTshark = spawnSync("tshark", ["--version"]).status === 0;

function tshark(file: string, ...options: string[]): string[] {
  const { stdout, stderr, status } = spawnSync("tshark", ["-r", file, ...options], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  return stdout.trimEnd().split("\n");
}

test.skipIf(!hasTshark)(`Wireshark reads and decrypts a capture${hasTshark ? "" : " (needs tshark)"}`, () => {
  const pcap = new PcapWriter({ places: ["client 0", "server 0", "client 0-server 0"], drops: true });
  const { evidence } = runCase(
    {
      connections: [files(20 * KB)],
      link: scenarios.dropList({ toClient: [8] }),
      keyUpdateAfter: 5 * KB,
      capture: pcap.capture,
    },
    portableEngine,
    1,
  );
  const directory = mkdtempSync(join(tmpdir(), "nagare-capture-"));
  try {
    const file = join(directory, "run.pcapng");
    writeFileSync(file, pcap.finish(`${evidence.keyLog.join("\n")}\n`));
    const frames = tshark(file, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment");
    expect(frames.filter((line) => line.includes("dropped: drop-list"))).toEqual([
      "client 0-server 0\tdropped: drop-list",
    ]);
    expect(new Set(frames.map((line) => line.split("\t")[0]))).toEqual(
      new Set(["client 0", "server 0", "client 0-server 0"]),
    );
    // Nothing is malformed, and the contents of 1-RTT packets are visible, of both key phases.
    expect(tshark(file, "-Y", "_ws.malformed")).toEqual([""]);
    const request = tshark(file, "-Y", "quic.stream_data", "-T", "fields", "-e", "quic.stream_data")[0]!;
    expect(Buffer.from(request.split(",")[0]!, "hex").toString()).toBe("GET /0-20480\r\n");
    const phases = tshark(file, "-Y", "quic.stream_data", "-T", "fields", "-e", "quic.key_phase");
    expect(new Set(phases).size).toBe(2);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
