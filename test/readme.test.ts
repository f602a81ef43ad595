// Checks the README: its example runs unchanged, its tables are those of the tour, both languages agree.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TABLES, withTable } from "../scripts/tables.ts";
import { createClient } from "../src/client/index.ts";
import type { Server } from "../src/edge/index.ts";
import { developmentIdentity } from "../src/host/certificates/index.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string) => readFile(join(ROOT, path), "utf8");
const examplesOf = (text: string): string[] => [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
const exampleOf = (text: string): string => examplesOf(text)[0]!;

describe("the example", () => {
  let directory: string;
  let server: Server;

  beforeAll(async () => {
    const source = exampleOf(await read("README.md"))
      .replace('"nagare"', JSON.stringify(pathToFileURL(join(ROOT, "src/edge/index.ts")).href))
      .replace("port: 4433", 'port: 0, host: "localhost"')
      .replace("console.log(server.url.href);", "export { server };");
    directory = await mkdtemp(join(ROOT, "test", ".example-")); // inside the project, so that hono resolves
    await writeFile(join(directory, "example.ts"), source);
    server = (await import(join(directory, "example.ts"))).server;
  });

  afterAll(async () => {
    await server?.close({ timeout: 0 });
    await rm(directory, { recursive: true, force: true });
  });

  test("has eight lines", async () => {
    expect(
      exampleOf(await read("README.md"))
        .trimEnd()
        .split("\n"),
    ).toHaveLength(8);
  });

  test.each(["h3", "h2", "http/1.1"] as const)("responds over %s", async (protocol) => {
    const { cert } = await developmentIdentity();
    await using client = createClient({ protocols: [protocol], ca: cert });
    const response = await client.fetch(server.url);
    expect(await response.text()).toBe(`hello over ${protocol}`);
    expect(client.facts(response)!.protocol).toBe(protocol);
  });
});

describe("the testing example", () => {
  test("has ten lines, and runs", async () => {
    const example = examplesOf(await read("README.md"))[1]!;
    expect(example.trimEnd().split("\n")).toHaveLength(10);
    const source = example
      .replace('"nagare/testing"', JSON.stringify(pathToFileURL(join(ROOT, "src/testkit/index.ts")).href))
      .replace(/console\.log\((.+)\);/, "export const output = [$1];");
    const directory = await mkdtemp(join(ROOT, "test", ".example-"));
    try {
      await writeFile(join(directory, "testing.ts"), source);
      const { output } = await import(join(directory, "testing.ts"));
      expect(output).toEqual(["hello /train", expect.stringMatching(/^[0-9a-f]{16}$/), expect.stringMatching(/^\d+/)]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

test.each(TABLES)(
  "the table of systems in $file matches the tour (npm run tables writes it)",
  async ({ file, render }) => {
    const text = await read(file);
    expect(withTable(text, render())).toBe(text);
  },
);

describe("README.ja.md", () => {
  test("has the same example and the same output", async () => {
    const blocks = (text: string) =>
      [...text.matchAll(/```(?:ts)?\n([\s\S]*?)```/g)].map(([, block]) => block!).slice(1);
    expect(blocks(await read("README.ja.md"))).toEqual(blocks(await read("README.md")));
  });

  test("has the same sections, links and commands in the same order", async () => {
    const [english, japanese] = [await read("README.md"), await read("README.ja.md")];
    const headings = (text: string) => [...text.matchAll(/^(#+) /gm)].map(([, marks]) => marks);
    const links = (text: string) => [...text.matchAll(/\]\((?!README)([^)]+)\)/g)].map(([, target]) => target).sort();
    const commands = (text: string) =>
      [...text.matchAll(/`((?:nagare|npm) [^`]*)`/g)].map(([, command]) => command).sort();
    expect(headings(japanese)).toEqual(headings(english));
    expect(links(japanese)).toEqual(links(english));
    expect(commands(japanese)).toEqual(commands(english));
  });
});
