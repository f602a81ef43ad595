/** The verifier. */

export { successors } from "./liveness.ts";
export { type VerifierInput, type VerifierReport, verify } from "./verify.ts";
