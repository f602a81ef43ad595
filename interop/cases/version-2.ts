import { downloadCase } from "./download.ts";

export const version2 = downloadCase({
  name: "v2",
  shows: "the client starts with QUIC version 2 (RFC 9369)",
  protocol: "h3",
  needs: "version-2",
  version2: "from the start",
  paths: (site) => [site.medium],
});

export const upgrade = downloadCase({
  name: "v2-upgrade",
  shows: "the client starts with version 1, and the server converts its first flight to version 2 (RFC 9368)",
  protocol: "h3",
  needs: "upgrade",
  version2: "by upgrade",
  paths: (site) => [site.medium],
});
