/** The code and the message of an error that is expected; any other error is thrown on. */
export function failureOf(
  kind: abstract new (...args: never[]) => Error & { readonly code: unknown },
  run: () => unknown,
): string {
  try {
    run();
  } catch (error) {
    if (error instanceof kind) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}
