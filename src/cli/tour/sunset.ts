// Notices and preferences: curl reads what routes announce, and asks for a folder's safe variant.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FieldLine, readNotice } from "../../http/index.ts";
import { ConfiguredServer } from "./configured-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const POLICY = "https://developer.example/policy";

async function configuration({ directory }: RowContext): Promise<object> {
  for (const [folder, text] of [
    ["usual", "everything"],
    ["safe", "the safe page"],
  ] as const) {
    await mkdir(join(directory, folder));
    await writeFile(join(directory, folder, "index.html"), text);
  }
  const routes = [
    { path: "/v1", respond: 204, deprecation: { date: "2020-01-01", link: POLICY }, sunset: "2999-01-01" },
    { path: "/ended", respond: 204, sunset: { date: "2020-01-01", gone: true } },
    { path: "/*", files: { directory: "usual", safe: "safe" } },
  ];
  return {
    listen: { port: 0 },
    sites: { "*": { tls: "development", routes } },
    deprecationReport: join(directory, "deprecated.ndjson"),
  };
}

interface Answer {
  readonly status: number;
  readonly fields: readonly FieldLine[];
  readonly text: string;
}

/** Reads what `curl -i` prints. */
function parse(output: string): Answer {
  const [head = "", text = ""] = output.split("\r\n\r\n", 2);
  const [first = "", ...lines] = head.split("\r\n");
  const fields = lines.map((line): FieldLine => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(" ")[1]), fields, text };
}

function expectSame(what: string, seen: unknown, wanted: unknown): void {
  const [given, right] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (given !== right) throw new Error(`${what} gave ${given} instead of ${right}`);
}

export const SUNSET_ROWS: readonly Row[] = [
  {
    system: "sunset",
    peer: "curl",
    against: "curl",
    command: 'curl -kI -H "Prefer: safe" https://localhost:4433/',
    async run(context) {
      const curl = await peerPath(context, "curl");
      const configured = new ConfiguredServer(context);
      try {
        const url = await configured.start(await configuration(context));
        const ask = async (path: string, ...options: string[]): Promise<Answer> =>
          parse((await runPeer(context, curl, ["-sSik", "--max-time", "20", ...options, `${url}${path}`])).stdout);
        const { deprecation, deprecationLink, sunset, problems } = readNotice((await ask("v1")).fields, Date.now());
        expectSame(
          "a deprecated route",
          [deprecation, deprecationLink, sunset, problems],
          [Date.UTC(2020, 0), POLICY, Date.UTC(2999, 0), []],
        );
        expectSame("a route after its sunset", (await ask("ended", "--http1.1")).status, 410);
        const answers = [await ask(""), await ask("", "-H", "Prefer: safe")];
        expectSame(
          "Prefer: safe",
          answers.map(({ text }) => text),
          ["everything", "the safe page"],
        );
        for (const { fields } of answers) {
          const vary = fields.find(([name]) => name === "vary")?.[1] ?? "";
          if (!vary.includes("prefer")) throw new Error(`a variant has Vary: ${vary}`);
        }
      } finally {
        await configured.stop();
      }
      const report = await readFile(join(context.directory, "deprecated.ndjson"), "utf8");
      const states = report
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly state: string }).state);
      expectSame("the report", states.sort(), ["deprecated", "gone"]);
      return "curl read a deprecation, a sunset, a 410 and a safe page; the report names it twice";
    },
  },
];
