/** `nagare get` against hostile servers. */
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
/** The server's response to every request. */
let reply = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nagare-hostile-"));
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(reply, "latin1"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

test("fields named like properties of Object.prototype are ordinary fields", async () => {
  reply = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconstructor: a\r\n__proto__: b\r\nto-string: c\r\n\r\n";
  const { stdout, exitCode } = await run(["get", "-w", "%{header_json}", url]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('"constructor":["a"]');
  expect(stdout).toContain('"__proto__":["b"]');
});

test.each(["profile", "../profile", "x/../../profile", "..\\\\profile"])(
  "-J does not write to an existing file: %s",
  async (name) => {
    reply = `HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-disposition: attachment; filename="${name}"\r\n\r\nevil`;
    await writeFile(join(folder, "profile"), "mine");
    const inFolder = ["--output-dir", folder];
    expect((await run(["get", "-s", "-O", "-J", ...inFolder, `${url}f`])).exitCode).toBe(23);
    expect((await run(["get", "-s", "-O", "-J", "-C", "-", ...inFolder, `${url}f`])).exitCode).toBe(2);
    expect(await readFile(join(folder, "profile"), "utf8")).toBe("mine");
    expect(await readdir(folder)).toEqual(["profile"]);
  },
);

test("heads of many informational responses are written one after the other, before the failure is reported", async () => {
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\nx-b: c\r\n\r\n";
  reply = `${hint.repeat(50)}HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n`;
  const output = join(folder, "hints");
  const { exitCode, stderr } = await run(["get", "-i", "-o", output, url]);
  expect([exitCode, stderr]).toEqual([8, expect.stringContaining("not valid HTTP/1.1")]);
  expect(await readFile(output, "latin1")).toBe(hint.repeat(50));
});

test("heads of informational responses precede the response on stdout", async () => {
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\nx-b: c\r\n\r\n";
  reply = `${hint.repeat(50)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`;
  const { exitCode, stdout } = await run(["get", "-i", url]);
  expect([exitCode, stdout]).toEqual([0, reply]);
});
