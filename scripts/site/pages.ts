/** Which documents are pages of the site, in which part of the navigation, in this order. */
import { readdirSync } from "node:fs";

export interface Page {
  /** The path of the Markdown file, from the root of the repository. */
  readonly path: string;
  readonly part: string;
}

const GUIDES = ["getting-started", "frameworks", "cli", "library", "configuration", "proxy", "certificates"];
const OPERATION = ["observability", "workers", "support", "privacy", "threat-model"];
const MEASURED = ["performance", "robustness", "interop", "lab", "tls-conformance", "tlsfuzzer"];

/** The parts of the navigation, in their order. Modules are the reference of the exports. */
export const PARTS = ["Guides", "Operation", "Deployment", "Modules", "Measured", "Proposals", "Inside", "Source"];

/** Every document of the repository that is for readers, the README excepted: it is the first page. */
export function pages(): readonly Page[] {
  const markdown = (folder: string): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`);
  const docs = (names: readonly string[]): string[] => names.map((name) => `docs/${name}.md`);
  const parts: Readonly<Record<string, readonly string[]>> = {
    Guides: docs(GUIDES),
    Operation: [...docs(OPERATION), "SECURITY.md"],
    Deployment: markdown("docs/deploy"),
    Measured: docs(MEASURED),
    Proposals: markdown("docs/proposals"),
    Source: readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith("README.md"))
      .sort()
      .map((path) => `src/${path}`),
  };
  const placed = new Set(Object.values(parts).flat());
  // A new document has a page, even if nobody has placed it.
  const inside = [...markdown("docs"), "CONTRIBUTING.md", "CHANGELOG.md"].filter((path) => !placed.has(path));
  return PARTS.flatMap((part) => (part === "Inside" ? inside : (parts[part] ?? [])).map((path) => ({ path, part })));
}
