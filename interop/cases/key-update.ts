import { downloadCase } from "./download.ts";

/** The peer updates its keys soon after the handshake and checks that we follow (RFC 9001 §6). */
export const keyUpdate = downloadCase({
  name: "key-update",
  protocol: "h3",
  needs: "key-update",
  keyUpdate: true,
  paths: (site) => [site.medium],
});
