import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ControlSocket, listServers, requestReload } from "./control.ts";

let folder: string;
let lines: string[];
let control: ControlSocket | undefined;
const onReload = vi.fn(async () => {});

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "nagare-control-")), "servers");
  lines = [];
  onReload.mockClear();
});
afterEach(() => {
  control?.close();
  control = undefined;
  rmSync(join(folder, ".."), { recursive: true, force: true });
});

async function open(): Promise<void> {
  const facts = { pid: process.pid, port: 8443, url: "https://localhost:8443/" };
  const log = (line: string) => void lines.push(line);
  control = await ControlSocket.open({ facts, onReload, log, onFault: ({ error }) => log(error.message), folder });
}

test("a server is found and reloaded", async () => {
  await open();
  const [server] = listServers(folder);
  expect(server).toMatchObject({ pid: process.pid, port: 8443, url: "https://localhost:8443/" });
  expect(await requestReload(server!, folder)).toEqual({ ok: true });
  expect(onReload).toHaveBeenCalledTimes(1);
});

test("a failed reload says why", async () => {
  await open();
  onReload.mockRejectedValueOnce(new Error("app.js exports no handler"));
  expect(await requestReload(listServers(folder)[0]!, folder)).toEqual({
    ok: false,
    message: "app.js exports no handler",
  });
});

test("only this user may enter the folder and read the secret", async () => {
  await open();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
});

test("a folder that others may enter is not used", async () => {
  await open();
  control!.close();
  chmodSync(folder, 0o755);
  await expect(open()).rejects.toThrow("is open to other users");
});

test.each([
  ["another secret", JSON.stringify({ secret: "0".repeat(64), command: "reload" })],
  ["no secret", JSON.stringify({ command: "reload" })],
  ["another language", "GET / HTTP/1.1"],
  ["a line without end", "x".repeat(2_000)],
])("a stranger with %s is refused and reported", async (_name, text) => {
  await open();
  const socket = createConnection(join(folder, `${process.pid}.sock`));
  socket.on("error", () => {});
  socket.write(text.length > 1_000 ? text : `${text}\n`);
  await once(socket, "close");
  expect(onReload).not.toHaveBeenCalled();
  expect(lines).toEqual(["nagare: a stranger opened the socket of nagare reload, and was refused"]);
});

test("a server that was killed is forgotten", async () => {
  await open();
  // Linux's largest process id is below 2^22.
  writeFileSync(join(folder, "9999999.json"), JSON.stringify({ pid: 9_999_999, port: 1, secret: "", url: "" }));
  writeFileSync(join(folder, "9999999.sock"), "");
  expect(listServers(folder).map(({ pid }) => pid)).toEqual([process.pid]);
  expect(readdirSync(folder).filter((name) => name.startsWith("9999999"))).toEqual([]);
});

test("without any server, there is nothing to reload", () => {
  expect(listServers(folder)).toEqual([]);
});
