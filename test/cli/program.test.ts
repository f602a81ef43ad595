import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { run } from "./run.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

describe("nagare", () => {
  test("--version", async () => {
    expect(await run(["--version"])).toMatchObject({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("--help names every command, and an example", async () => {
    const { exitCode, stdout } = await run(["--help"]);
    expect(exitCode).toBe(0);
    for (const { name, summary } of COMMANDS) {
      expect(stdout).toContain(`  ${name} `);
      expect(stdout).toContain(summary);
    }
    expect(stdout).toContain("Example:");
  });

  test("without a command, help and exit code 2", async () => {
    const { exitCode, stdout } = await run([]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain("Usage: nagare");
  });

  test.each(COMMANDS.map(({ name }) => name))("%s --help prints usage and an example", async (name) => {
    const { exitCode, stdout, stderr } = await run([name, "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: nagare ${name}`);
    expect(stdout).toMatch(/Examples?:\n +nagare /);
    expect(stderr).toBe("");
    expect((await run(["help", name])).stdout).toBe(stdout);
  });

  test.each([
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["gte"], "unknown command 'gte'; did you mean get? Otherwise see nagare --help"],
    [["help", "frobnicate"], "there is no command frobnicate; see nagare --help"],
    [["get"], "url is missing; see nagare get --help"],
    [["get", "--jsn", "x"], "unknown option '--jsn'; did you mean --json? Otherwise see nagare get --help"],
    [["get", "-X"], "--request needs a value: <method>; see nagare get --help"],
    [["serve", "a", "b"], "serve takes one argument, not 2; see nagare serve --help"],
    [["doctor", "a"], "doctor takes no arguments; see nagare doctor --help"],
    [["get", "-J", "-O", "-i", "x/y"], "-J and -i cannot be combined"],
    [["get", "--frob", "x"], "unknown option '--frob'"],
    [["get", "--http2", "--http1.1", "x"], "cannot be used with option"],
    [["get", "-m", "soon", "x"], "--max-time soon: it takes a number of seconds; see nagare get --help"],
    [["get", "--connect-timeout", "-1", "x"], "it takes a number of seconds"],
    [["get", "-C", "nonsense", "x"], "it takes a number of bytes"],
    [["get", "-d", "a", "-T", "b", "x"], "-d and -T cannot be combined"],
    [["get", "--keylog", "/nowhere/keys", "x"], "its folder does not exist"],
    [["tour", "--only", "nonsense"], 'there is no system "nonsense"'],
    [["tour", "--only", "quic/nonsense"], 'quic has no row "nonsense"'],
  ])("%j is a usage error: one line, exit code 2", async (args, message) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^nagare: [^\n]+\n$/);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });

  test.each<[number, string[], string]>([
    [49, ["get", "--resolve", "nonsense", "x"], "--resolve takes HOST:PORT:ADDRESS"],
    [1, ["get", "gopher://x"], "gopher:// is not supported"],
    [3, ["get", "https://["], "is not a URL"],
    [23, ["get", "-O", "https://localhost/"], "does not end with a file name"],
    [77, ["get", "--cacert", "/nowhere/ca.pem", "x"], "/nowhere/ca.pem: no such file or directory; check the path"],
    [26, ["get", "-d", "@/nowhere/data", "x"], "/nowhere/data: no such file or directory"],
  ])("exits with curl's %i for %j", async (code, args, message) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect(stderr).toContain(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
  });

  test("with --json, an error is an object on stdout as well", async () => {
    const { exitCode, stdout } = await run(["get", "--json", "gopher://x"]);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: "SCHEME_UNSUPPORTED", message: "gopher:// is not supported", hint: "use https:// or http://" },
    });
  });
});
