// Cookies on disk: several jars on one file, and what is left of a killed process.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { buildProgram } from "../../../test/built-program.ts";
import { CookieFile, type CookieFileError } from "./cookie-file.ts";
import { CookieJar } from "./jar.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nagare-cookies-"));
  path = join(folder, "deep", "jar.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const names = (jar: CookieJar): string[] => [...jar].map(({ name, value }) => `${name}=${value}`).sort();

test("a jar is saved with all that its cookies have, readable by its owner only", async () => {
  {
    await using jar = await CookieJar.open(new CookieFile(path));
    jar.set("a=1; Secure; HttpOnly; SameSite=None; Partitioned; Path=/x", "https://a.test/", {
      topLevel: "https://b.test",
    });
    jar.set("b=2; Domain=a.test; Max-Age=1000", "https://www.a.test/");
  }
  const again = await CookieJar.open(new CookieFile(path));
  expect([...again]).toMatchObject([
    {
      name: "a",
      partitionKey: { topLevelSite: "https://b.test", hasCrossSiteAncestor: true },
      httpOnly: true,
      path: "/x",
    },
    { name: "b", domain: "a.test", hostOnly: false },
  ]);
  expect(await readdir(join(folder, "deep"))).toEqual(["jar.json"]);
});

test("several jars on one file keep each other's cookies, and learn of deletions", async () => {
  const jars = await Promise.all([1, 2, 3].map(() => CookieJar.open(new CookieFile(path))));
  for (const [index, jar] of jars.entries()) jar.set(`c${index}=1`, "https://a.test/");
  await Promise.all(jars.map((jar) => jar.save()));
  for (const jar of jars) {
    jar.set("touch=1", "https://a.test/");
    await jar.save();
    expect(names(jar)).toEqual(["c0=1", "c1=1", "c2=1", "touch=1"]);
  }
  jars[0]!.set("c1=; Max-Age=0", "https://a.test/");
  await jars[0]!.save();
  jars[2]!.set("touch=2", "https://a.test/");
  await jars[2]!.save();
  expect(names(jars[2]!)).toEqual(["c0=1", "c2=1", "touch=2"]);
});

test("cookies without a lifetime are left out on request", async () => {
  await using jar = await CookieJar.open(new CookieFile(path, { sessionCookies: false }));
  jar.set("session=1", "https://a.test/");
  jar.set("kept=1; Max-Age=100", "https://a.test/");
  await jar.save();
  expect(names(await CookieJar.open(new CookieFile(path)))).toEqual(["kept=1"]);
});

describe("a file that cannot be used", () => {
  test("is not overwritten if it holds something else", async () => {
    const other = join(folder, "other.txt");
    await writeFile(other, "precious");
    await expect(CookieJar.open(new CookieFile(other))).rejects.toMatchObject({
      code: "COOKIE_FILE_INVALID",
      path: other,
    });
    const jar = new CookieJar({ storage: new CookieFile(other) });
    jar.set("a=1", "https://a.test/");
    await expect(jar.save()).rejects.toMatchObject({ code: "COOKIE_FILE_INVALID" });
    expect(await readFile(other, "utf8")).toBe("precious");
  });

  test("is reported, and the next save tries again", async () => {
    const blocked = join(folder, "blocked");
    await writeFile(blocked, "");
    const jar = new CookieJar({ storage: new CookieFile(join(blocked, "jar.json")) });
    jar.set("a=1", "https://a.test/");
    await expect(jar.save()).rejects.toMatchObject({ code: "COOKIE_FILE_UNUSABLE" } satisfies Partial<CookieFileError>);
    await rm(blocked);
    await jar.save();
    expect(names(await CookieJar.open(new CookieFile(join(blocked, "jar.json"))))).toEqual(["a=1"]);
  });

  test("names the process that holds its lock", async () => {
    const file = new CookieFile(join(folder, "jar.json"), { lockTimeout: 20 });
    await writeFile(
      join(folder, "jar.json.lock"),
      `${process.pid}-${(await import("node:os")).hostname()}-0123456789ab`,
    );
    await expect(file.update((all) => all)).rejects.toMatchObject({
      code: "COOKIE_FILE_LOCKED",
      message: expect.stringContaining(String(process.pid)),
    });
  });
});

/** Kills savers at arbitrary moments; each time, the file must hold all that was saved, and nothing of a half write. */
test("kill -9 while saving loses nothing", async () => {
  const program = await buildProgram("src/host/cookies/testing/save-forever.ts");
  onTestFinished(() => program.remove());
  let last = -1;
  for (let round = 0; round < Number(process.env.NAGARE_KILLS ?? 2); round += 1) {
    const saver = spawn(process.execPath, [program.path, path, String(last + 1)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => saver.once("exit", resolve));
    const saves = 2 + (round % 7);
    let seen = 0;
    for await (const chunk of saver.stdout) {
      const numbers = String(chunk).trim().split("\n").map(Number);
      last = Math.max(last, ...numbers);
      seen += numbers.length;
      if (seen >= saves) saver.kill("SIGKILL");
    }
    await ended;
    const values = [...(await CookieJar.open(new CookieFile(path)))].map(({ value }) => Number(value));
    expect(Math.max(...values)).toBeGreaterThanOrEqual(last);
    last = Math.max(...values);
    expect(values.sort((a, b) => a - b)).toEqual(
      Array.from({ length: Math.min(last + 1, values.length) }, (_, i) => last - values.length + 1 + i),
    );
  }
});
