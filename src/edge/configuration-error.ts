/** Errors that the user fixes by changing the command line, the program or its configuration. */

const NAMES = new Set(["IdentityError", "KeyLogError", "MemcacheConfigError"]);
const SERVE_CODES = new Set([
  "OPTION_INVALID",
  "HOST_UNKNOWN",
  "DIRECTORY_MISSING",
  "DIRECTORY_UNREADABLE",
  "MODULE_INVALID",
  "CONFIG_INVALID",
  "ORIGIN_INVALID",
]);

export function isConfigurationError(error: Error): boolean {
  const { code } = error as { code?: unknown };
  if (error.name === "AcmeError") return code === "ACME_OPTION_INVALID";
  return NAMES.has(error.name) || (error.name === "ServeError" && SERVE_CODES.has(String(code)));
}
