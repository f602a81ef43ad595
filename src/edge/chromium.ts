/**
 * Makes a Chromium use HTTP/3 with a server that has a development certificate. Over TCP, a user can click through a
 * warning. Over QUIC, Chromium accepts only a chain to a public authority, or a key named on its command line.
 */
import type { DevelopmentIdentity } from "../host/certificates/development.ts";

/**
 * Arguments for a Chromium that loads `url` over HTTP/3 from the first request and accepts only this certificate. They
 * take effect only when the browser starts: give it its own profile (`--user-data-dir`), or it passes the page to a
 * running instance.
 */
export function chromiumFlags(url: string | URL, identity: Pick<DevelopmentIdentity, "spkiHash">): readonly string[] {
  const { hostname, port } = new URL(url);
  return [
    `--origin-to-force-quic-on=${hostname}:${port === "" ? "443" : port}`,
    `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
  ];
}
