/**
 * How a Chromium is brought to speak HTTP/3 to a server with a development certificate. Over TCP a person can click a
 * warning away; over QUIC Chromium takes only a chain to a public authority, or a key that it was told of beforehand.
 */
import type { DevelopmentIdentity } from "../host/certificates/development.ts";

/**
 * Arguments for a Chromium that loads `url` over HTTP/3 at once and accepts this one certificate, and no other. They
 * hold for a browser that starts with them: give it a profile of its own (`--user-data-dir`), or it hands the page to
 * one that is already running.
 */
export function chromiumFlags(url: string | URL, identity: Pick<DevelopmentIdentity, "spkiHash">): readonly string[] {
  const { hostname, port } = new URL(url);
  return [
    `--origin-to-force-quic-on=${hostname}:${port === "" ? "443" : port}`,
    `--ignore-certificate-errors-spki-list=${identity.spkiHash}`,
  ];
}
