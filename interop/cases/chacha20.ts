import { downloadCase } from "./download.ts";

/** The peer supports only ChaCha20-Poly1305, whose header protection differs too (RFC 9001 §5.4.4). */
export const chacha20 = downloadCase({
  name: "chacha20",
  protocol: "h3",
  needs: "chacha20",
  cipher: "chacha20",
  paths: (site) => [site.medium],
});
