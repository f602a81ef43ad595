import { downloadCase } from "./download.ts";

export const keyUpdate = downloadCase({
  name: "key-update",
  shows: "the peer updates its keys soon after the handshake, and ours follow (RFC 9001 §6)",
  protocol: "h3",
  needs: "key-update",
  keyUpdate: true,
  paths: (site) => [site.medium],
});
