/** What is wrong with a configuration: where in it, and at which line of its file. */

import type * as v from "valibot";
import { ServeError } from "../../host/listen/errors.ts";
import { type Position, positionOf } from "./source-position.ts";

export type ConfigPath = readonly (string | number)[];

export interface ConfigProblem {
  /** Such as `sites["example.com"].routes[0].proxy`. Empty for the whole file. */
  readonly path: string;
  /** Follows the path in a sentence: `is missing: give …`. */
  readonly message: string;
  /** From 1; undefined if the value is computed. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** A configuration that cannot be used. The message is the first problem, with its place. */
export class ConfigError extends ServeError {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const [first, ...others] = problems.map((problem) => describeProblem(file, problem));
    const more = others.length === 0 ? "" : `; and ${others.length} more: see nagare check-config`;
    super("CONFIG_INVALID", `${first}${more}`, options);
    this.file = file;
    this.problems = problems;
  }
}

/** `nagare.config.ts:12:9: sites["*"].routes[0].proxy is missing: …`. */
export function describeProblem(file: string, { path, message, line, column }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}${column === undefined ? "" : `:${column}`}`;
  return `${place}: ${path}${path === "" ? "" : " "}${message}`;
}

/** All problems of a configuration, in the order of the file. */
export function problemsOf(issues: readonly v.BaseIssue<unknown>[], source: string): ConfigProblem[] {
  const found = issues.flatMap(relevant).map((issue) => problemAt(pathOf(issue), issue.message, source));
  return found.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

export function problemAt(path: ConfigPath, message: string, source: string): ConfigProblem {
  const position: Position | undefined = positionOf(source, path);
  return { path: formatPath(path), message, line: position?.line, column: position?.column };
}

/** Of a value with several forms, the problems of the form that it comes closest to. */
function relevant(issue: v.BaseIssue<unknown>): readonly v.BaseIssue<unknown>[] {
  const inner = (issue.issues ?? []).flatMap(relevant);
  const depths = inner.map(({ path }) => path?.length ?? 0);
  const deepest = Math.max(0, ...depths);
  const base = issue.path ?? [];
  if (deepest === 0) {
    // The right form, but an invalid value of it.
    const invalid = inner.find(({ kind }) => kind !== "schema");
    return [invalid === undefined ? issue : { ...invalid, path: issue.path }];
  }
  return inner
    .filter((_, i) => depths[i] === deepest)
    .map((each) => ({ ...each, path: [...base, ...each.path!] as typeof each.path }));
}

const pathOf = ({ path }: v.BaseIssue<unknown>): ConfigPath => (path ?? []).map(({ key }) => key as string | number);

function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (/^[A-Za-z_$][\w$]*$/.test(key)) return text === "" ? key : `${text}.${key}`;
    return `${text}[${JSON.stringify(key)}]`;
  }, "");
}
