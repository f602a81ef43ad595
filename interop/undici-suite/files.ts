/** The chosen files of undici's test/fetch, of undici 6, 7 and 8; those that are not run, and why. */

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Files that need a server of their own process, and nothing else. */
export const FILES: readonly string[] = names(`
  401-statuscode-no-infinite-loop 407-statuscode-window-null abort abort2 client-fetch content-length cookies encoding
  exiting fetch-leak fetch-timeouts fetch-url-after-redirect headers headers-case http2 integrity
  issue-1711 issue-2009 issue-2021 issue-2171 issue-2318 issue-2828 issue-2898 issue-2898-comment issue-3334 issue-3616
  issue-3624 issue-3767 issue-4058 issue-4065 issue-4105 issue-4627 issue-4647 issue-4789 issue-4799 issue-4836
  issue-5241 issue-5285 issue-5566 issue-node-46525 issue-rsshub-15532 pull-dont-push
  redirect redirect-cross-origin-header referrrer-policy relative-url resource-timing user-agent
`);

/** Reasons and files. */
export const SKIPPED: Readonly<Record<string, readonly string[]>> = {
  "no server: the file sends no request": names(`
    about-uri blob-uri bundle client-error-stack-trace data-uri export-env-proxy-agent formdata formdata-inspect-custom
    general headers-inspect-custom headerslist-sortedarray includes-credentials issue-1447 issue-2242
    issue-2294-patch-method issue-3267 issue-3630 issue-4897 iterators max-listeners range-open-ended
    readable-stream-from request request-inspect-custom response response-inspect-custom response-json spread util
  `),
  "fetches in another process, which has undici's own agent": names("client-node-max-header-size"),
  "takes minutes, as it collects garbage after each request": names("long-lived-abort-controller"),
  "takes minutes, and installs undici's own agent": names("fire-and-forget"),
  "needs jsdom": names("jsdom-abortcontroller-1910-1464495619"),
};
