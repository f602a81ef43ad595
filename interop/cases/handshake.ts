import { downloadCase } from "./download.ts";

/** The QUIC and TLS handshakes, and one small file. */
export const handshake = downloadCase({ name: "handshake", protocol: "h3", paths: (site) => [site.small] });
