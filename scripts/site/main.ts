/**
 * The documents and the reference of every export as a static site: `npm run site`, into `.cache/site`. Fails unless every
 * exported symbol has a doc comment, what a stable entry point mentions is exported too, and every link resolves. Needs no
 * network, and neither do the pages.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { register } from "node:module";
import { dirname, join, relative } from "node:path";
import type { DocumentReflection, TypeDocOptions } from "typedoc";
import { INTERNAL } from "./internal.ts";
import { brokenLinks } from "./links.ts";
import { adaptMarkdown, takeHeading } from "./markdown.ts";
import { PARTS, pages } from "./pages.ts";
import { undocumented } from "./undocumented.ts";

const OUT = ".cache/site";
const SETTINGS = ".cache/site.json";

// TypeDoc needs the compiler as a library, and TypeScript 7 is none.
const OLDER = `export const resolve = (name, context, next) => next(name === "typescript" ? "typescript-5.8" : name, context);`;
register(`data:text/javascript,${encodeURIComponent(OLDER)}`);
const { Application, Converter, ReflectionKind } = await import("typedoc");

const root = process.cwd();
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly version: string;
  readonly exports: Readonly<Record<string, { readonly types?: string }>>;
};
const entries = Object.entries(manifest.exports).flatMap(([path, { types }]) =>
  types === undefined ? [] : [{ module: `nagare${path.slice(1)}`, types }],
);
mkdirSync(dirname(SETTINGS), { recursive: true });
writeFileSync(
  SETTINGS,
  JSON.stringify({
    extends: "../tsconfig.base.json",
    compilerOptions: { types: ["node"], lib: ["es2023", "esnext.disposable", "dom.iterable"] },
    files: entries.map(({ types }) => join(root, types)),
  }),
);

const partOf = new Map(pages().map(({ path, part }) => [path, part]));
const options: TypeDocOptions = {
  name: `Nagare ${manifest.version}`,
  entryPoints: entries.map(({ types }) => types),
  tsconfig: SETTINGS,
  basePath: ".",
  out: OUT,
  readme: "README.md",
  projectDocuments: [...partOf.keys()],
  disableSources: true,
  excludeExternals: true,
  excludeProtected: true,
  sort: ["source-order"],
  sortEntryPoints: false,
  groupOrder: [...PARTS, "*"],
  navigation: { includeGroups: true },
  headings: { readme: false, document: true },
  searchInDocuments: true,
  hideGenerator: true,
  highlightLanguages: [
    "console",
    "dockerfile",
    "html",
    "javascript",
    "json",
    "lua",
    "shellscript",
    "typescript",
    "yaml",
  ],
  customCss: "scripts/site/style.css",
  markdownItLoader: adaptMarkdown,
  logLevel: "Warn",
  intentionallyNotExported: INTERNAL,
  includeHierarchySummary: false,
  validation: { notExported: true, invalidLink: true, invalidPath: false, notDocumented: false },
};
const app = await Application.bootstrap(options);

// A page is named by its first heading, and stands in its part of the navigation.
app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context: unknown, document: DocumentReflection) => {
  const absolute = document.project.files.getReflectionPath(document)!;
  const path = relative(root, absolute);
  const heading = takeHeading(document.content);
  if (heading === undefined) throw new Error(`${path} does not begin with a heading`);
  document.name = path.startsWith("src/") ? dirname(path) : heading;
  document.frontmatter.group = partOf.get(path);
  if (path.endsWith("README.md")) document.project.files.registerReflectionPath(dirname(absolute) as never, document);
});

const project = await app.convert();
if (project === undefined) throw new Error("the declarations do not compile");
app.validate(project);
await app.generateOutputs(project);

const names = new Set(project.children?.map(({ name }) => name));
const problems = [
  ...entries.filter(({ module }) => !names.has(module)).map(({ module }) => `${module} is missing`),
  ...(app.logger.validationWarningCount > 0 ? ["see the warnings above"] : []),
  ...undocumented(project, ReflectionKind),
  ...brokenLinks(OUT),
];
for (const line of problems) console.error(line);
console.log(
  `${OUT}/index.html: ${entries.length} entry points, ${partOf.size + 1} documents, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
