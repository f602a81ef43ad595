/** Cross-origin isolation: what the headers of a page and its resources lead to. */

export { isIsolated, type OpenerPolicy, openerPolicy, switchesGroup, type TopLevel } from "./opener.ts";
export {
  type CoepValue,
  type CoopValue,
  type CorpValue,
  coepOf,
  coopOf,
  corpOf,
  isCompatible,
  legacyAdvice,
  type Policy,
  parseTokenItem,
} from "./policy.ts";
export {
  type BlockedReason,
  corpCheck,
  type FullOrigin,
  frameCheck,
  isSameOrigin,
  omitsCredentials,
  type ResourceRequest,
} from "./resource.ts";
