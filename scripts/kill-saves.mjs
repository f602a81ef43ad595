// `npm run kill-saves -- [ROUNDS]`: kills a process that saves cookies, 1,000 times with SIGKILL, at a random moment. Each time the file must
// be complete, and hold everything that was saved. Needs `npm run build`.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CookieFile, CookieJar } from "../dist/cookies/index.js";

const COOKIES = 160;
const cookie = (number) => [
  `c${number % COOKIES}=${number}; Max-Age=1000000; Path=/`,
  `https://host-${number % 4}.test/`,
];

async function saveUntilKilled(path, first) {
  const jar = await CookieJar.open(new CookieFile(path));
  for (let number = first; ; number += 1) {
    jar.set(...cookie(number));
    await jar.save();
    process.stdout.write(`${number}\n`);
  }
}

async function main(rounds) {
  const folder = await mkdtemp(join(tmpdir(), "nagare-kill-saves-"));
  const path = join(folder, "jar.json");
  let last = -1;
  let saves = 0;
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--save", path, String(last + 1)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // From the first save on, so that the kill hits reading, locking, writing and renaming alike.
      let isSaving = false;
      for await (const chunk of child.stdout) {
        const numbers = String(chunk).trim().split("\n").map(Number);
        last = Math.max(last, ...numbers);
        saves += numbers.length;
        if (!isSaving) setTimeout(() => child.kill("SIGKILL"), Math.random() * 40);
        isSaving = true;
      }
      await ended;
      JSON.parse(await readFile(path, "utf8"));
      const values = [...(await CookieJar.open(new CookieFile(path)))]
        .map(({ value }) => Number(value))
        .sort((a, b) => a - b);
      const newest = values.at(-1);
      const isComplete = values.every((value, index) => value === newest - values.length + 1 + index);
      if (newest < last || !isComplete || values.length !== Math.min(COOKIES, newest + 1)) {
        process.stdout.write(
          `round ${round}: cookie ${last} was saved, the file has ${values.length}, the newest ${newest}\n`,
        );
        return 1;
      }
      last = newest;
      if (round % 100 === 0) process.stdout.write(`${round} kills, ${saves} saves: nothing lost\n`);
    }
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [mode, path, first] = process.argv.slice(2);
if (mode === "--save") await saveUntilKilled(path, Number(first));
else process.exitCode = await main(Number(mode ?? 1_000));
