/** Requests of one turn share a lookup; the next turn sees every change of the file system. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeExchange } from "../../host/http/testing/fake-exchange.ts";
import type { FieldSection } from "../../http/index.ts";
import { FileService } from "./service.ts";

let folder: string;
let site: string;
let service: FileService;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-turn-"));
  site = join(folder, "site");
  mkdirSync(join(site, "sub"), { recursive: true });
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(site, "a.txt"), "first");
  writeFileSync(join(site, "b.txt"), "second");
  writeFileSync(join(site, "sub", "a.txt"), "inside");
  writeFileSync(join(folder, "outside", "a.txt"), "secret");
  service = new FileService(site, { log: () => undefined });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function begin(path: string, fields: FieldSection = []): FakeExchange {
  const exchange = new FakeExchange();
  exchange.path = path;
  exchange.fields = fields;
  service.handle(exchange);
  return exchange;
}

async function get(path: string): Promise<[status: number | undefined, content: string]> {
  const exchange = begin(path);
  await exchange.over;
  return [exchange.status, exchange.content];
}

/** Puts the file into memory, since only then an answer is ready within the turn. */
async function warm(path: string): Promise<void> {
  await get(path);
  await get(path);
}

test("requests of one turn share the answer of the first", async () => {
  await warm("/a.txt");
  const exchanges = [begin("/a.txt")];
  unlinkSync(join(site, "a.txt"));
  exchanges.push(begin("/a.txt"), begin("/a.txt"));
  expect(exchanges.map(({ status, content }) => [status, content])).toEqual(Array(3).fill([200, "first"]));
  await undefined;
  expect(begin("/a.txt").status).toBe(404);
});

test("a request for another representation or a part has its own answer", async () => {
  writeFileSync(join(site, "a.txt.gz"), "packed");
  await warm("/a.txt");
  const gzip = [["accept-encoding", "gzip"]] as const;
  await begin("/a.txt", gzip).over;
  const plain = begin("/a.txt");
  const etag = new Map(plain.head).get("etag")!;
  expect(begin("/a.txt", gzip).content).toBe("packed");
  expect(begin("/a.txt", [["range", "bytes=1-2"]]).content).toBe("ir");
  expect(begin("/a.txt", [["if-none-match", etag]]).status).toBe(304);
  expect(begin("/a.txt", [["if-match", '"other"']]).status).toBe(412);
  const head = new FakeExchange();
  head.method = "HEAD";
  head.path = "/a.txt";
  service.handle(head);
  expect([head.status, head.content]).toEqual([200, ""]);
  expect(begin("/a.txt").content).toBe("first");
});

test.each<[what: string, change: () => void, expected: [number, string]]>([
  ["another file renamed over it", () => renameSync(join(site, "b.txt"), join(site, "a.txt")), [200, "second"]],
  ["its content written anew", () => writeFileSync(join(site, "a.txt"), "FIRST"), [200, "FIRST"]],
  ["its deletion", () => unlinkSync(join(site, "a.txt")), [404, "404 Not Found\n"]],
  [
    "a link in its place",
    () => {
      symlinkSync(join(site, "b.txt"), join(site, "link"));
      renameSync(join(site, "link"), join(site, "a.txt"));
    },
    [200, "second"],
  ],
  [
    "a link out of the tree in its place",
    () => {
      symlinkSync(join(folder, "outside", "a.txt"), join(site, "link"));
      renameSync(join(site, "link"), join(site, "a.txt"));
    },
    [404, "404 Not Found\n"],
  ],
])("the next turn sees %s", async (_what, change, expected) => {
  await warm("/a.txt");
  expect(begin("/a.txt").content).toBe("first");
  change();
  await undefined;
  expect(await get("/a.txt")).toEqual(expected);
});

test.each<[what: string, change: () => void]>([
  [
    "with a link out of the tree in its place",
    () => {
      renameSync(join(site, "sub"), join(site, "was"));
      symlinkSync(join(folder, "outside"), join(site, "sub"));
    },
  ],
  [
    "moved out of the tree, with a link to it",
    () => {
      renameSync(join(site, "sub"), join(folder, "moved"));
      symlinkSync(join(folder, "moved"), join(site, "sub"));
    },
  ],
  ["renamed", () => renameSync(join(site, "sub"), join(site, "was"))],
])("the next turn sees its folder %s", async (_what, change) => {
  await warm("/sub/a.txt");
  expect(begin("/sub/a.txt").content).toBe("inside");
  change();
  await undefined;
  expect((await get("/sub/a.txt"))[0]).toBe(404);
});

test("a thousand paths of one turn are forgotten together", async () => {
  const microtasks = vi.spyOn(globalThis, "queueMicrotask");
  for (let i = 0; i < 1_000; i++) writeFileSync(join(site, `${i}.txt`), `${i}`);
  for (let i = 0; i < 1_000; i++) await warm(`/${i}.txt`);
  microtasks.mockClear();
  for (let i = 0; i < 1_000; i++) expect(begin(`/${i}.txt`).content).toBe(`${i}`);
  expect(microtasks).toHaveBeenCalledTimes(1);
  microtasks.mockRestore();
  await undefined;
  for (let i = 0; i < 1_000; i++) unlinkSync(join(site, `${i}.txt`));
  expect(begin("/7.txt").status).toBe(404);
});
