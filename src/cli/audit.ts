import { type Command, InvalidArgumentError, Option } from "commander";
import type { AuditFlags } from "./audit/flags.ts";
import { collect } from "./collect.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare audit https://example.com/
  nagare audit --header 'COEP: require-corp' --header 'COOP: same-origin' https://example.com/    before deploying them
  nagare audit --header 'https://cdn.example.com/ CORP: cross-origin' https://example.com/    on another server
  nagare audit --as third-party-of https://shop.example https://widget.example/
  nagare audit --json --fail-on warning https://example.com/ | jq .findings

Exit codes: 0 nothing as bad as --fail-on, 1 such a finding, or the page did not load, 2 usage; 130 and 143 interrupted.
docs/audit.md explains every finding.
`;

export function registerAudit(program: Command, io: Io): void {
  program
    .command("audit")
    .summary("judge a page as a browser does, and say what to mend")
    .description(
      "Load a page, its frames and resources, and say what a browser makes of them: what blocks cross-origin isolation and which header mends it, each cookie's fate, HTTP/3 or why not, certificates, compression, caching.",
    )
    .usage("[options] <url>")
    .argument("[url]", "the page; https:// if there is no scheme")
    .addOption(
      new Option(
        "--header <line>",
        "try a header on the page's response: 'COEP: require-corp'; with a URL before it, on responses under that URL",
      ).argParser(collect),
    )
    .addOption(new Option("--as <use...>", "judge the page as embedded: --as third-party-of SITE").argParser(collect))
    .addOption(
      new Option("--fail-on <level>", "exit with 1 if a finding is at least this bad")
        .choices(["error", "warning", "info", "never"])
        .default("error"),
    )
    .addOption(new Option("--only <prefix>", "only findings whose id begins so, such as isolation").argParser(collect))
    .addOption(new Option("--json", "print facts and findings as one JSON object"))
    .addOption(
      new Option("--max-resources <count>", "load at most this many resources; 200 by default").argParser(count),
    )
    .addOption(new Option("--max-frames <count>", "load at most this many frames; 20 by default").argParser(count))
    .addOption(new Option("-m, --max-time <seconds>", "limit for everything; 30 by default").argParser(seconds))
    .addOption(new Option("-k, --insecure", "load the page even if its certificate is not trusted"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("--resolve <host:port:addr>", "use these addresses for a host and port").argParser(collect))
    .addOption(new Option("--no-dns", "do not ask for HTTPS records"))
    .addHelpText("after", EXAMPLES)
    .action(async (url: string | undefined, flags: AuditFlags) => {
      const { audit } = await import("./audit/audit.ts");
      await audit(url, flags, io);
    });
}

function count(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError("It takes a number.");
  return Number(value);
}

function seconds(value: string): number {
  const parsed = Number(value);
  if (value.trim() === "" || !(parsed > 0 && parsed < 1e6))
    throw new InvalidArgumentError("It takes a number of seconds.");
  return parsed;
}
