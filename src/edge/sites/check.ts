/** Checks a configuration file as a start would, and finds all its problems. */

import { coversDnsName } from "../../host/certificates/host-name.ts";
import { loadIdentityFiles } from "../../host/certificates/identity.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError, type ConfigPath, type ConfigProblem, problemAt } from "../config/problem.ts";
import type { ValidConfig, ValidSite } from "../config/schema.ts";
import { planAction } from "./create-action.ts";

export interface ConfigReport {
  readonly problems: readonly ConfigProblem[];
  /** What works, but probably not as meant. */
  readonly warnings: readonly ConfigProblem[];
  readonly sites: number;
  readonly routes: number;
}

export async function checkConfig(file: string): Promise<ConfigReport> {
  try {
    const { config, source } = await loadConfig(file);
    const report = (path: ConfigPath, message: string): ConfigProblem => problemAt(path, message, source);
    const certificates = await Promise.all(
      Object.entries(config.sites).map(([name, site]) => checkCertificate(name, site, report)),
    );
    const routes = Object.values(config.sites).reduce((sum, site) => sum + site.routes.length, 0);
    return {
      problems: [
        ...certificates.flatMap(({ problems }) => problems),
        ...(await actionProblems(config, report)),
        ...(await memcacheProblems(config, report)),
      ],
      warnings: [...certificates.flatMap(({ warnings }) => warnings), ...unreachable(config, report)],
      sites: Object.keys(config.sites).length,
      routes,
    };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, warnings: [], sites: 0, routes: 0 };
    throw error;
  }
}

type Report = (path: ConfigPath, message: string) => ConfigProblem;

async function checkCertificate(name: string, { tls }: ValidSite, report: Report) {
  const path = ["sites", name, "tls"];
  if (tls === undefined || typeof tls === "string") return { problems: [], warnings: [] };
  try {
    const { passphrase, ...files } = tls;
    const { names } = await loadIdentityFiles(passphrase === undefined ? files : { ...files, passphrase });
    const fits = name === "*" || names.some((each) => each === name || coversDnsName(each, name));
    const message = `names a certificate for ${names.join(", ")}, which browsers refuse for ${name}`;
    return { problems: [], warnings: fits ? [] : [report(path, message)] };
  } catch (error) {
    return { problems: [report(path, `cannot be used: ${(error as Error).message}`)], warnings: [] };
  }
}

/** Creates each action once, as a start would. */
async function actionProblems({ sites }: ValidConfig, report: Report): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  for (const [name, { routes }] of Object.entries(sites)) {
    for (const [index, route] of routes.entries()) {
      const { type, create } = planAction(route, undefined, () => undefined);
      try {
        await (await create()).close?.();
      } catch (error) {
        problems.push(report(["sites", name, "routes", index, type], `cannot be used: ${(error as Error).message}`));
      }
    }
  }
  return problems;
}

async function memcacheProblems({ memcache }: ValidConfig, report: Report): Promise<ConfigProblem[]> {
  if (memcache === undefined) return [];
  const { memcacheProblem } = await import("../memcache/listener.ts");
  const problem = memcacheProblem(memcache);
  return problem === undefined ? [] : [report(["memcache"], `cannot be used: ${problem}`)];
}

/** Routes after one that answers everything. */
function unreachable({ sites }: ValidConfig, report: Report): ConfigProblem[] {
  return Object.entries(sites).flatMap(([name, { routes }]) => {
    const last = routes.findIndex(({ path, methods }) => path === "/*" && methods === undefined);
    return last < 0 || last === routes.length - 1
      ? []
      : [report(["sites", name, "routes", last + 1], `is never used: routes[${last}] answers every path`)];
  });
}
