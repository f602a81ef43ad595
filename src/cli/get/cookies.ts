// -b and -c: cookies given as text for the first host, or read from a file. With a file, cookies from responses are kept too, as a
// browser would keep them.
import type { Field } from "../../client/index.ts";
import { storeCookies } from "../../host/cookies/client-cookies.ts";
import { CookieJar } from "../../host/cookies/jar.ts";
import { readKept } from "./kept-text.ts";

/** The cookies of one `nagare get`. */
export class GetCookies {
  readonly #jar = new CookieJar();
  /** The text of -b. Like credentials, it is sent only to the first host. */
  #given = "";
  /** True if cookies from responses are kept: as in curl, only if a file is named. */
  #keepsResponseCookies = false;

  /** `saves` is true if the cookies will be written to a file (-c). */
  static async from(flags: readonly string[], saves: boolean): Promise<GetCookies> {
    const cookies = new GetCookies();
    cookies.#keepsResponseCookies = saves;
    for (const value of flags) {
      if (value.includes("=")) cookies.#given = cookies.#given === "" ? value : `${cookies.#given}; ${value}`;
      else {
        cookies.#keepsResponseCookies = true;
        if (value !== "") cookies.#jar.addCookieFile(await readKept(value));
      }
    }
    return cookies;
  }

  /** Returns the value of the `cookie` field for a request, or undefined. */
  header(url: URL, isFirstOrigin: boolean, isGivenByHeader: boolean): string | undefined {
    const kept = this.#jar.header(url);
    // As in curl, a cookie field from -H replaces the text of -b.
    const given = isFirstOrigin && !isGivenByHeader && this.#given !== "" ? this.#given : undefined;
    return kept === undefined ? given : given === undefined ? kept : `${kept}; ${given}`;
  }

  store(fields: readonly Field[], url: URL): void {
    if (this.#keepsResponseCookies) storeCookies(this.#jar, fields, url, {});
  }

  /** The text of the file of -c. */
  cookieFile(): string {
    return this.#jar.cookieFile("nagare get -c");
  }
}
