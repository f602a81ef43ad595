/** All findings about a page, the worst first. */

import { contentFindings } from "./content.ts";
import { cookieFindings } from "./cookies.ts";
import type { AuditFacts } from "./facts.ts";
import { type Finding, SEVERITIES, type Severity } from "./findings.ts";
import { isolationFindings } from "./isolation.ts";
import { siteDataFindings } from "./site-data.ts";
import { transportFindings } from "./transport.ts";

export function judgeAudit(facts: AuditFacts): readonly Finding[] {
  const hasPage = facts.documents[0]?.response !== undefined;
  const found = [
    ...(hasPage ? isolationFindings(facts) : []),
    ...contentFindings(facts),
    ...transportFindings(facts),
    ...cookieFindings(facts),
    ...siteDataFindings(facts),
  ];
  const unique = new Map(found.map((each) => [`${each.id} ${each.url} ${each.message}`, each]));
  return SEVERITIES.flatMap((severity) => [...unique.values()].filter((each) => each.severity === severity));
}

/** True if one of the findings is at least as bad. */
export const reaches = (findings: readonly Finding[], level: Severity): boolean =>
  findings.some(({ severity }) => SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(level));
