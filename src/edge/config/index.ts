/** A configuration file: found, evaluated, validated. */
export { findConfig } from "./find.ts";
export { type LoadedConfig, loadConfig } from "./load.ts";
export { ConfigError, type ConfigProblem, describeProblem } from "./problem.ts";
export type { ValidConfig } from "./schema.ts";
