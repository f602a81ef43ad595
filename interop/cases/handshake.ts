import { downloadCase } from "./download.ts";

export const handshake = downloadCase({
  name: "handshake",
  shows: "QUIC and TLS handshakes, one file of 1000 bytes",
  protocol: "h3",
  paths: (site) => [site.small],
});
