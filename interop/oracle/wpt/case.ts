/** A test of web-platform-tests that needs no browser. */

export interface WptCase {
  readonly name: string;
  /** Throws, or rejects, if the test fails. */
  run(): void | Promise<void>;
}

/** What a folder's tests call instead of the harness and the browser. Each adds cases, and gets the page's location. */
export type Stubs = (page: WptPage, add: (test: WptCase) => void) => Readonly<Record<string, unknown>>;

export interface WptPage {
  readonly url: URL;
  /** The lines of its `.headers` file. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export function expectSame(actual: unknown, expected: unknown, what: string): void {
  if (!Object.is(actual, expected))
    throw new Error(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}

/** Percent-encoded bytes, of which each becomes a character, as in fields. */
export const bytesOf = (encoded: string): string =>
  encoded.replace(/%([\dA-F]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
