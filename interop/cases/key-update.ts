import { downloadCase } from "./download.ts";

export const keyUpdate = downloadCase({
  name: "key-update",
  shows: "the client updates its keys soon after the handshake, and the server follows (RFC 9001 §6)",
  protocol: "h3",
  needs: "key-update",
  keyUpdate: true,
  paths: (site) => [site.medium],
});
