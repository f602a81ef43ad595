/** What the runner tells the preload, in environment variables. */
import { readFileSync } from "node:fs";
import type { Version } from "./suite.ts";

/** `https` is Node's own server behind the same doors, for comparison. */
export type ServerKind = "nagare" | "https";

export interface Certificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** True for a certificate of the suite's own, which may be for another name. */
  readonly isForeign?: boolean;
}

export interface Settings {
  readonly server: ServerKind;
  readonly version: Version;
  readonly certificate: Certificate;
}

const NAME = "NAGARE_SUITES";

interface Files {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export function settingsToEnvironment(server: ServerKind, version: Version, files: Files): Record<string, string> {
  const { caFile, certFile, keyFile } = files;
  return { [NAME]: JSON.stringify({ server, version, caFile, certFile, keyFile }) };
}

export function settingsFromEnvironment(): Settings {
  const given = JSON.parse(process.env[NAME] ?? "{}") as Files & Omit<Settings, "certificate">;
  const read = (path: string): string => readFileSync(path, "utf8");
  const certificate = { ca: read(given.caFile), cert: read(given.certFile), key: read(given.keyFile) };
  return { server: given.server, version: given.version, certificate };
}
