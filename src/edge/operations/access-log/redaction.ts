/** Removes what a log must not hold: values of queries, and credentials. Pure. */

/** What is logged of queries: parameters' names, everything, or nothing. */
export type QueryPolicy = "names" | "full" | "none";

/** Stands for a value that is not logged. */
export const REDACTED = "[redacted]";

/** In a query, where brackets would need escapes. */
const HIDDEN = "*";

/** A longer name of a parameter is more likely a token without a name. */
const MAX_NAME = 64;
const MAX_PARAMETERS = 64;

/** A path with its query, as the policy allows. */
export function redactedTarget(target: string, policy: QueryPolicy): string {
  const mark = target.indexOf("?");
  if (policy === "full" || mark < 0) return target;
  const path = target.slice(0, mark);
  return policy === "none" ? path : `${path}?${redactedQuery(target.slice(mark + 1))}`;
}

/** A URL, also without user information and fragment. */
export function redactedReferer(referer: string, policy: QueryPolicy): string {
  const [withoutFragment = ""] = referer.split("#", 1);
  const plain = withoutFragment.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?@]*@/i, "$1");
  return redactedTarget(plain, policy);
}

function redactedQuery(query: string): string {
  const parameters = query.split("&", MAX_PARAMETERS + 1);
  const shown = parameters.slice(0, MAX_PARAMETERS).map((parameter) => {
    const equals = parameter.indexOf("=");
    if (parameter === "") return "";
    // A parameter without a name is all value.
    return equals <= 0 || equals > MAX_NAME ? HIDDEN : `${parameter.slice(0, equals)}=${HIDDEN}`;
  });
  return (parameters.length > MAX_PARAMETERS ? [...shown, HIDDEN] : shown).join("&");
}

const SENSITIVE =
  /^(?:(?:proxy-)?authorization|authentication-info|cookie2?|set-cookie)$|token|secret|password|api-?key|session|signature|jwt/i;

/** True for fields that carry credentials. */
export const isSensitiveField = (name: string): boolean => SENSITIVE.test(name);
