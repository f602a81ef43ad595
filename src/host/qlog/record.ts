/** JSON text sequences (RFC 7464 §2.2). */

const RECORD_SEPARATOR = "\u001e";

export const recordOf = (value: unknown): string => `${RECORD_SEPARATOR}${JSON.stringify(value)}\n`;
