import { downloadCase } from "./download.ts";

export const chacha20 = downloadCase({
  name: "chacha20",
  shows: "one side offers only ChaCha20-Poly1305, whose header protection differs too (RFC 9001 §5.4.4); 4 MiB",
  protocol: "h3",
  needs: "chacha20",
  cipher: "chacha20",
  paths: (site) => [site.medium],
});
