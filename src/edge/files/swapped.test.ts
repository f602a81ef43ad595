/** A folder is renamed while a file in it is served: files outside the served tree are never sent. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { startServer } from "../server.ts";
import { openHttp1 } from "../testing/client.ts";
import { FileService } from "./service.ts";

/** Runs once, just before the next call of that name. */
const before = vi.hoisted(() => ({ call: "", run: undefined as (() => void) | undefined }));

vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const swap = (call: string): void => {
    const { run } = before;
    if (before.call !== call || run === undefined) return;
    before.run = undefined;
    run();
  };
  return {
    ...real,
    statSync: (...args: Parameters<typeof real.statSync>) => {
      swap("stat");
      return real.statSync(...args);
    },
    open: (...args: Parameters<typeof real.open>) => {
      swap("open");
      real.open(...args);
    },
  };
});

let folder: string;
let site: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-swapped-"));
  site = join(folder, "site");
  mkdirSync(join(site, "sub"), { recursive: true });
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(site, "sub", "file.txt"), "public");
  writeFileSync(join(folder, "outside", "file.txt"), "secret");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Replaces the folder with a link that leads out of the tree. */
function replaceWithLink(): void {
  renameSync(join(site, "sub"), join(site, "was"));
  symlinkSync(join(folder, "outside"), join(site, "sub"));
}

async function request(path: string): Promise<{ status: number; body: string }> {
  const identities = [loadIdentity(localhostIdentity)] as const;
  const service = new FileService(site, { log: () => undefined });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, protocols: ["http/1.1"] }, service);
  const client = await openHttp1(server.url);
  try {
    const response = await client.request({ path }).response;
    return { status: response.status, body: await response.text() };
  } finally {
    client.close();
    await server.close({ timeout: 0 });
  }
}

describe("a folder that becomes a link out of the tree", () => {
  test.each(["stat", "open"])("just before %s reveals nothing", async (call) => {
    // The first calls of stat are for the root.
    before.call = "";
    const pending = request("/sub/file.txt");
    before.call = call;
    before.run = replaceWithLink;
    const { status, body } = await pending;
    expect(before.run).toBeUndefined();
    expect([status, body]).toEqual([404, "404 Not Found\n"]);
  });
});

test("a file that is moved out of the tree before it is opened is not sent", async () => {
  const pending = request("/sub/file.txt");
  before.call = "open";
  before.run = () => {
    renameSync(join(site, "sub"), join(folder, "moved"));
    symlinkSync(join(folder, "moved"), join(site, "sub"));
  };
  expect((await pending).status).toBe(404);
});
