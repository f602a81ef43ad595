/** `nagare get` against servers that mean harm. */
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "./run.ts";

let folder: string;
let server: Server;
let url: string;
/** What the server sends to everybody. */
let answer = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nagare-hostile-"));
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answer, "latin1"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

test("fields named like properties of every object are fields", async () => {
  answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconstructor: a\r\n__proto__: b\r\nto-string: c\r\n\r\n";
  const { stdout, exitCode } = await run(["get", "-w", "%{header_json}", url]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('"constructor":["a"]');
  expect(stdout).toContain('"__proto__":["b"]');
});

test.each(["profile", "../profile", "x/../../profile", "..\\\\profile"])(
  "-J does not write to a file that exists: %s",
  async (name) => {
    answer = `HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-disposition: attachment; filename="${name}"\r\n\r\nevil`;
    await writeFile(join(folder, "profile"), "mine");
    const inFolder = ["--output-dir", folder];
    expect((await run(["get", "-s", "-O", "-J", ...inFolder, `${url}f`])).exitCode).toBe(23);
    expect((await run(["get", "-s", "-O", "-J", "-C", "-", ...inFolder, `${url}f`])).exitCode).toBe(2);
    expect(await readFile(join(folder, "profile"), "utf8")).toBe("mine");
    expect(await readdir(folder)).toEqual(["profile"]);
  },
);
