// The steps by which browsers and systems trust the development authority, and what HTTP/3 needs besides.
import type { DevelopmentAuthority } from "../../host/certificates/development-authority.ts";

type TrustedAuthority = Pick<DevelopmentAuthority, "certFile" | "sha256">;

/** Lines for a person, for this system first. */
export function trustSteps(
  { certFile, sha256 }: TrustedAuthority,
  url: URL,
  platform: NodeJS.Platform = process.platform,
): readonly string[] {
  const file = quoted(certFile, platform);
  const digest = Buffer.from(sha256).toString("hex").toUpperCase().match(/../g)!.join(":");
  const host = `${url.hostname}:${url.port === "" ? "443" : url.port}`;
  return [
    "How to trust the development authority (once; it may sign private names only):",
    `  its certificate   ${certFile}`,
    `  its SHA-256       ${digest}`,
    ...systemSteps(file, platform),
    "  Firefox           Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import: that file, for websites",
    `  curl, Node        curl --cacert ${file}; NODE_EXTRA_CA_CERTS=${file}`,
    "Then HTTP/1.1 and HTTP/2 need nothing else. HTTP/3 does:",
    "  Chromium, Chrome and Edge accept over QUIC only authorities that they ship, not those that users add, unless they",
    `  start with --origin-to-force-quic-on=${host}: press o for a window that does (it needs no trusted authority).`,
    "  Firefox switches HTTP/3 off when the system has added authorities: set",
    "  network.http.http3.disable_when_third_party_roots_found to false in about:config.",
    "  Safari was not tried here.",
    "To end the trust, remove the authority from the same places, and delete the folder of its certificate.",
  ];
}

function systemSteps(file: string, platform: NodeJS.Platform): readonly string[] {
  if (platform === "darwin") {
    return [
      `  Safari, Chrome    security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ${file}`,
      "                    (macOS asks for your password)",
    ];
  }
  if (platform === "win32") {
    return [`  Edge, Chrome      certutil -user -addstore Root ${file}   (Windows asks to confirm)`];
  }
  return [
    `  Chromium, Chrome  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n nagare-development -i ${file}`,
    "                    (Debian: apt-get install libnss3-tools; Fedora: nss-tools)",
    `  Debian, Ubuntu    sudo cp ${file} /usr/local/share/ca-certificates/nagare-development.crt && sudo update-ca-certificates`,
    `  Fedora, Arch      sudo trust anchor ${file}`,
  ];
}

const quoted = (path: string, platform: NodeJS.Platform): string =>
  /^[\w./:\\-]+$/.test(path) ? path : platform === "win32" ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
