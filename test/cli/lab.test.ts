import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { processIo } from "../../src/cli/io.ts";
import { failUnlessMet } from "../../src/cli/lab/lab.ts";
import { renderPng } from "../../src/cli/lab/png.ts";
import { writeReport } from "../../src/cli/lab/report.ts";
import { EXPERIMENTS, type Result } from "../../src/lab/index.ts";
import { run } from "./run.ts";

const QUICK = ["lab", "run", "handshake-rtt", "--quick"];
const isRoot = process.getuid?.() === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nagare-lab-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

test("nagare lab run policies prints how many recorded verdicts our rules give", async () => {
  const { exitCode, stdout } = await run(["lab", "run", "policies", "--json"]);
  const { rows } = JSON.parse(stdout) as { rows: { policy: string; cases: number; agreeing: number }[] };
  expect(rows.map(({ policy }) => policy)).toEqual([...Array(4).fill("cookies"), ...Array(8).fill("isolation")]);
  for (const { cases, agreeing } of rows) expect(agreeing).toBe(cases);
  expect(exitCode).toBe(0);
});

describe("nagare lab list", () => {
  test("prints a line per experiment", async () => {
    const { exitCode, stdout } = await run(["lab", "list"]);
    expect(exitCode).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual([...EXPERIMENTS.map(({ name }) => name), "policies"]);
  });

  test("--json prints an object per experiment", async () => {
    const { stdout } = await run(["lab", "list", "--json"]);
    const list = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(list).toHaveLength(EXPERIMENTS.length + 1);
    expect(list[0]).toMatchObject({ name: EXPERIMENTS[0]!.name, claims: EXPERIMENTS[0]!.claims.length });
  });
});

describe("nagare lab run", () => {
  test("prints set-up, table and claims for people", async () => {
    const { exitCode, stdout, stderr } = await run(QUICK);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Round trips of a handshake (handshake-rtt, seed 1)");
    expect(stdout).toMatch(/^0-RTT, rejected +50 +0\.00 +2\.00 /m);
    expect(stdout).toMatch(/^✓ Retry costs a round trip\n {2}source {2}RFC 9000 §8\.1\.2$/m);
  });

  test("--json prints name, seed, rows and claims in one line", async () => {
    const { exitCode, stdout } = await run([...QUICK, "--seed", "4294967295", "--json"]);
    expect(exitCode).toBe(0);
    expect(stdout.trimEnd()).not.toContain("\n");
    const result = JSON.parse(stdout);
    expect(Object.keys(result)).toEqual(["name", "seed", "rows", "claims"]);
    expect(result).toMatchObject({ name: "handshake-rtt", seed: 4_294_967_295 });
    expect(result.rows[0]).toMatchObject({ part: "round-trips", kind: "v1", rtt: 50, response: 2 });
    expect(Object.keys(result.claims[0])).toEqual(["name", "source", "theirs", "ours", "met"]);
  });

  test("--plot FILE.svg draws the plots", async () => {
    await run([...QUICK, "--plot", file("plots.svg")]);
    expect(await readFile(file("plots.svg"), "utf8")).toMatch(
      /^<svg [\s\S]*Round trips to the response[\s\S]*<\/svg>\n$/,
    );
  });

  test("--plot FILE.PNG draws them at twice the size", async (context) => {
    const { exitCode, stderr } = await run([...QUICK, "--plot", file("plots.PNG")]);
    if (stderr.includes("has no fonts")) context.skip("no fonts on this machine");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const png = await readFile(file("plots.PNG"));
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect(png.readUInt32BE(16)).toBe(2 * 860);
  });

  test("stops between simulations after Ctrl-C", async () => {
    let interrupt: (() => void) | undefined;
    const running = run(["lab", "run", "loss-recovery"], {
      interrupt: (send) => {
        interrupt = () => send("SIGINT");
      },
    });
    setImmediate(function again() {
      interrupt?.();
      setImmediate(again).unref();
    });
    expect(await running).toMatchObject({ exitCode: 130, stdout: "" });
  });
});

test("nagare lab report writes a page, and each result as JSON, text and SVG", async () => {
  const experiments = EXPERIMENTS.filter(({ name }) => name === "handshake-rtt");
  const target = file("new/report");
  const printed: string[] = [];
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      printed.push(String(chunk));
      done();
    },
  });
  await writeReport(target, { quick: true, seed: 3 }, { ...processIo(), stdout }, experiments);
  expect(printed.join("")).toBe(`${join(target, "index.html")}\n`);
  expect((await readdir(target)).sort()).toEqual([
    "handshake-rtt.json",
    "handshake-rtt.svg",
    "handshake-rtt.txt",
    "index.html",
  ]);
  expect(JSON.parse(await readFile(join(target, "handshake-rtt.json"), "utf8"))).toMatchObject({ seed: 3 });
  expect(await readFile(join(target, "index.html"), "utf8")).toContain("nagare lab run handshake-rtt --seed 3");
});

describe("errors", () => {
  test.each([
    [["lab"], "lab needs a command; the commands are list, run and report"],
    [["lab", "frobnicate"], "lab has no command frobnicate"],
    [["lab", "list", "x"], "list takes no arguments"],
    [["lab", "run"], "name is missing"],
    [["lab", "run", "loss"], 'there is no experiment "loss"; the experiments are loss-recovery'],
    [[...QUICK, "--seed", "x"], "--seed x: it takes a whole number from 0 to 4294967295"],
    [[...QUICK, "--seed", "4294967296"], "it takes a whole number"],
    [[...QUICK, "--seed", "1.5"], "it takes a whole number"],
    [[...QUICK, "--plot", "plot.gif"], "--plot plot.gif: plots are SVG or PNG files; end the name with .svg or .png"],
    [[...QUICK, "--plot", "/nowhere/plot.svg"], "cannot write /nowhere/plot.svg: its folder does not exist"],
    [["lab", "report"], "folder is missing"],
  ])("%j is a usage error", async (args, message) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^nagare: [^\n]+\n$/);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("a folder is not a plot file", async () => {
    await mkdir(file("folder.svg"));
    const { exitCode, stderr } = await run([...QUICK, "--plot", file("folder.svg")]);
    expect(stderr).toContain(`cannot write ${file("folder.svg")}: it is a directory; name a file`);
    expect(exitCode).toBe(2);
  });

  test("a file is not a folder for a report", async () => {
    await writeFile(file("file"), "");
    const { exitCode, stderr } = await run(["lab", "report", file("file")]);
    expect(stderr).toContain(`cannot write ${file("file")}: it is a file; name a folder`);
    expect(exitCode).toBe(2);
  });

  test.skipIf(isRoot)("a read-only file is found before the experiment runs", async () => {
    await writeFile(file("read-only.svg"), "", { mode: 0o400 });
    const { exitCode, stdout, stderr } = await run(["lab", "run", "loss-recovery", "--plot", file("read-only.svg")]);
    expect(stderr).toContain(`cannot write ${file("read-only.svg")}: permission denied`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("with --json they have a code", async () => {
    const { stdout } = await run([...QUICK, "--json", "--plot", "/nowhere/plot.svg"]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "NOT_WRITABLE" } });
  });

  test("without the package for PNG files, the message is the line that installs it", async () => {
    await expect(renderPng(() => Promise.reject(new Error("not found")))).rejects.toMatchObject({
      code: "PACKAGE_MISSING",
      hint: "run npm install @resvg/resvg-js, or write an SVG file",
    });
  });

  test("a claim that does not hold is exit code 1", () => {
    const claim = { name: "", source: "", theirs: "", ours: "" };
    const result = (met: boolean): Result => ({ name: "x", seed: 1, rows: [], claims: [{ ...claim, met }] });
    failUnlessMet([result(true)]);
    expect(() => failUnlessMet([result(true), result(false)])).toThrow(expect.objectContaining({ exitCode: 1 }));
  });
});
