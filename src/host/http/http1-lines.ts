/** What the server must know about the field lines of an HTTP/1.1 request, found in one pass without copying them. */
import { FIELD_LINE_OVERHEAD, type FieldFacts } from "../../http/index.ts";

export class Http1Lines implements FieldFacts {
  hosts = 0;
  host: string | undefined;
  cookies = 0;
  expect: string | undefined;
  upgrade: string | undefined;
  /** All values of transfer-encoding, combined (RFC 9110 §5.3). */
  codings: string | undefined;
  length: string | undefined;
  /** The size of the lines without `host`, and with `cookie` in one line (RFC 9114 §4.2.2). */
  size = 0;

  /** `raw` alternates names and values. */
  constructor(raw: readonly string[]) {
    for (let i = 0; i + 1 < raw.length; i += 2) this.#note(raw[i]!, raw[i + 1]!);
  }

  /** True if content follows the head (RFC 9112 §6.3). */
  get hasContent(): boolean {
    return this.codings !== undefined || (this.length !== undefined && Number(this.length) !== 0);
  }

  #note(given: string, value: string): void {
    this.size += given.length + value.length + FIELD_LINE_OVERHEAD;
    switch (given.length) {
      case 4:
        if (given.toLowerCase() !== "host") return;
        this.hosts += 1;
        this.host = value;
        this.size -= 4 + value.length + FIELD_LINE_OVERHEAD;
        return;
      case 6:
        if (given.toLowerCase() === "expect") this.expect ??= value;
        else if (given.toLowerCase() === "cookie" && ++this.cookies > 1) this.size -= 4 + FIELD_LINE_OVERHEAD;
        return;
      case 7:
        if (given.toLowerCase() === "upgrade") this.upgrade ??= value;
        return;
      case 14:
        if (given.toLowerCase() === "content-length") this.length ??= value;
        return;
      case 17:
        if (given.toLowerCase() !== "transfer-encoding") return;
        this.codings = this.codings === undefined ? value : `${this.codings}, ${value}`;
        return;
    }
  }
}
