/** The chosen files of Node's test/parallel, without "test-" and their extension; those that are not run, and why. */

export const names = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Files with an HTTP or HTTPS server in the same process. */
export const FILES: readonly string[] = names(`
  http-1.0 http-1.0-keep-alive http-abort-before-end http-abort-client http-abort-queued http-abort-stream-end
  http-aborted http-after-connect http-allow-content-length-304 http-allow-req-after-204-res http-bind-twice
  http-blank-header http-buffer-sanity http-byteswritten http-catch-uncaughtexception http-chunk-extensions-limit
  http-chunked http-chunked-304 http-chunked-smuggling http-client-abort http-client-abort-destroy
  http-client-abort-event http-client-abort-keep-alive-destroy-res http-client-abort-keep-alive-queued-tcp-socket
  http-client-abort-no-agent http-client-abort-response-event http-client-abort2 http-client-aborted-event
  http-client-check-http-token http-client-close-event http-client-close-with-default-agent
  http-client-default-headers-exist http-client-encoding http-client-finished http-client-headers-array
  http-client-incomingmessage-destroy http-client-keep-alive-hint http-client-keep-alive-release-before-finish
  http-client-leaky-with-double-response http-client-race http-client-race-2 http-client-res-destroyed
  http-client-response-timeout http-client-set-timeout-after-end http-client-spurious-aborted http-client-timeout
  http-client-timeout-agent http-client-timeout-connect-listener http-client-timeout-event
  http-client-timeout-with-data http-client-upload http-client-upload-buf http-connect http-connect-req-res
  http-content-length http-content-length-mismatch http-contentLength0 http-date-header http-default-encoding
  http-destroyed-socket-write2 http-dont-set-default-headers http-dont-set-default-headers-with-set-header
  http-dont-set-default-headers-with-setHost http-double-content-length http-dummy-characters-smuggling
  http-dump-req-when-res-ends http-early-hints http-early-hints-invalid-argument http-end-throw-socket-handling
  http-eof-on-connect http-exceptions http-expect-continue http-expect-handling http-flush-headers
  http-flush-response-headers http-generic-streams http-get-pipeline-problem http-head-request
  http-head-response-has-no-body http-head-response-has-no-body-end
  http-head-response-has-no-body-end-implicit-headers http-head-throw-on-response-body-write
  http-header-badrequest http-header-obstext http-header-overflow http-header-owstext http-header-read
  http-hex-write http-highwatermark http-host-headers http-incoming-message-options
  http-incoming-pipelined-socket-destroy http-information-headers http-information-processing http-insecure-parser
  http-insecure-parser-per-stream http-invalid-te http-invalidheaderfield http-keep-alive
  http-keep-alive-close-on-header http-keep-alive-drop-requests http-keep-alive-empty-line
  http-keep-alive-max-requests http-keep-alive-pipeline-max-requests http-keep-alive-timeout
  http-keep-alive-timeout-custom http-keepalive-client http-keepalive-override http-keepalive-request
  http-listening http-malformed-request http-many-ended-pipelines http-max-header-size-per-stream
  http-max-headers-count http-missing-header-separator-cr http-missing-header-separator-lf http-multiple-headers
  http-mutable-headers http-no-read-no-dump http-nodelay http-outgoing-destroyed http-outgoing-end-cork
  http-outgoing-end-multiple http-outgoing-end-types http-outgoing-finish http-outgoing-finish-writable
  http-outgoing-finished http-outgoing-first-chunk-singlebyte-encoding http-outgoing-message-capture-rejection
  http-outgoing-message-write-callback http-outgoing-properties http-outgoing-proto http-outgoing-writableFinished
  http-outgoing-write-types http-parser-finish-error http-parser-free http-parser-freed-before-upgrade http-pause
  http-pause-no-dump http-pause-resume-one-end http-perf_hooks http-pipe-fs http-pipeline-assertionerror-finish
  http-pipeline-requests-connection-leak http-pipeline-socket-parser-typeerror http-proxy http-raw-headers
  http-readable-data-event http-remove-connection-header-persists-connection http-remove-header-stays-removed
  http-req-close-robust-from-tampering http-req-res-close http-request-end http-request-end-twice
  http-request-host-header http-request-join-authorization-headers http-request-large-payload
  http-request-method-delete-payload http-request-methods http-request-smuggling-content-length
  http-res-write-after-end http-res-write-end-dont-take-array http-response-add-header-after-sent
  http-response-close http-response-cork http-response-multi-content-length http-response-multiheaders
  http-response-readable http-response-remove-header-after-sent http-response-setheaders http-response-splitting
  http-response-statuscode http-response-writehead-returns-this http-same-map http-server
  http-server-async-dispose http-server-capture-rejections http-server-clear-timer http-server-client-error
  http-server-close-all http-server-close-destroy-timeout http-server-close-idle
  http-server-close-idle-wait-response http-server-connections-checking-leak http-server-consumed-timeout
  http-server-de-chunked-trailer http-server-delete-parser http-server-destroy-socket-on-client-error
  http-server-headers-timeout-delayed-headers http-server-headers-timeout-interrupted-headers
  http-server-headers-timeout-keepalive http-server-headers-timeout-pipelining http-server-incomingmessage-destroy
  http-server-keep-alive-defaults http-server-keep-alive-max-requests-null http-server-keep-alive-timeout
  http-server-keepalive-end http-server-keepalive-req-gc http-server-method.query http-server-multiheaders
  http-server-multiheaders2 http-server-multiple-client-error http-server-non-utf8-header
  http-server-optimize-empty-requests http-server-options-incoming-message http-server-options-server-response
  http-server-reject-chunked-with-content-length http-server-reject-cr-no-lf
  http-server-request-timeout-delayed-body http-server-request-timeout-delayed-headers
  http-server-request-timeout-interrupted-body http-server-request-timeout-interrupted-headers
  http-server-request-timeout-keepalive http-server-request-timeout-pipelining http-server-request-timeout-upgrade
  http-server-request-timeouts-mixed http-server-timeouts-validation http-server-unconsume
  http-server-unconsume-consume http-server-write-after-end http-server-write-end-after-end http-set-cookies
  http-set-header-chain http-set-timeout http-set-timeout-server http-set-trailers http-socket-encoding-error
  http-socket-error-listeners http-status-code http-status-message http-status-reason-invalid-chars http-timeout
  http-timeout-client-warning http-timeout-overflow http-transfer-encoding-repeated-chunked
  http-transfer-encoding-smuggling http-uncaught-from-request-callback http-upgrade-advertise http-upgrade-client2
  http-upgrade-reconsume-stream http-upgrade-server http-upgrade-server-callback http-upgrade-server2 http-wget
  http-writable-true-after-close http-write-callbacks http-write-empty-string http-write-head http-write-head-2
  http-write-head-after-set-header http-zero-length-write http-zerolengthbuffer https-argument-of-creating
  https-byteswritten https-close https-connecting-to-http https-drain https-host-headers https-hwm
  https-insecure-parse-per-stream https-keep-alive-drop-requests https-max-header-size-per-stream
  https-max-headers-count https-options-boolean-check https-pfx https-selfsigned-no-keycertsign-no-crash
  https-server-async-dispose https-server-close-all https-server-close-destroy-timeout https-server-close-idle
  https-server-connections-checking-leak https-server-headers-timeout https-server-options-incoming-message
  https-server-options-server-response https-server-request-timeout https-set-timeout-server https-simple
  https-socket-options https-timeout https-timeout-server https-timeout-server-2 https-truncate
`);

/** Files that are not run, by reason. */
export const SKIPPED: Readonly<Record<string, readonly string[]>> = {
  "no server": names(`
    http-addrequest-localaddress http-agent-close http-agent-false http-agent-getname http-agent-timeout-option
    http-client-abort3 http-client-defaults http-client-headers-host-array http-client-immediate-error
    http-client-insecure-http-parser-error http-client-invalid-path http-client-read-in-error
    http-client-readable http-client-req-error-dont-double-fire http-client-timeout-option-with-agent
    http-client-unescaped-path http-common http-correct-hostname http-debug http-dns-error
    http-header-validators http-hostname-typechecking http-import-websocket http-incoming-matchKnownFields
    http-incoming-message-connection-setter http-incoming-message-destroy http-invalid-path-chars
    http-invalid-urls http-invalidheaderfield2 http-max-header-size http-methods http-outgoing-buffer
    http-outgoing-destroy http-outgoing-internal-headernames-getter http-outgoing-internal-headernames-setter
    http-outgoing-internal-headers http-outgoing-message-inheritance http-outgoing-renderHeaders
    http-outgoing-settimeout http-parser http-parser-bad-ref http-parser-lazy-loaded
    http-parser-multiple-execute http-request-invalid-method-error http-server-response-standalone
    http-set-max-idle-http-parser http-sync-write-error-during-continue
    http-url.parse-only-support-http-https-protocol https-agent-constructor https-agent-getname
    https-eof-for-eom
  `),
  "tests http.Agent or https.Agent": names(`
    http-agent http-agent-abort-controller http-agent-destroyed-socket http-agent-domain-reused-gc
    http-agent-error-on-idle http-agent-keep-alive-timeout-buffer http-agent-keepalive
    http-agent-keepalive-delay http-agent-maxsockets http-agent-maxsockets-respected http-agent-maxtotalsockets
    http-agent-no-protocol http-agent-null http-agent-remove http-agent-reuse-drained-socket-only
    http-agent-scheduling http-agent-timeout http-agent-uninitialized http-agent-uninitialized-with-handle
    http-keep-alive-timeout-buffer http-keep-alive-timeout-race-condition http-keepalive-free http-max-sockets
    http-request-agent http-upgrade-agent https-agent https-agent-abort-controller
    https-agent-additional-options https-agent-create-connection https-agent-disable-session-reuse
    https-agent-keylog https-agent-servername https-agent-session-eviction https-agent-session-injection
    https-agent-session-reuse https-agent-sni https-agent-sockets-leak https-agent-unref-socket
    https-resume-after-renew
  `),
  "tests the client's options and URLs": names(`
    http-automatic-headers http-autoselectfamily http-client-agent http-client-agent-abort-close-event
    http-client-agent-end-close-event http-client-get-url http-client-input-function
    http-client-override-global-agent http-client-reject-unexpected-agent http-client-request-options
    http-client-response-domain http-client-set-timeout http-client-timeout-on-connect
    http-client-timeout-option http-client-timeout-option-listeners http-client-with-create-connection
    http-createConnection http-decoded-auth http-default-port http-host-header-ipv6-fail http-localaddress
    http-localaddress-bind-error http-request-arguments http-request-dont-override-options http-url.parse-auth
    http-url.parse-auth-with-header-in-request http-url.parse-basic http-url.parse-https.request
    http-url.parse-path http-url.parse-post http-url.parse-search https-abortcontroller https-autoselectfamily
    https-client-checkServerIdentity https-client-get-url https-client-override-global-agent https-client-reject
    https-client-renegotiation-limit https-client-resume https-connect-address-family https-localaddress
    https-localaddress-bind-error https-request-arguments https-strict
  `),
  "the peer of Node's client is a raw TCP server": names(`
    http-client-error-rawbytes http-client-parse-error http-client-reject-chunked-with-content-length
    http-client-reject-cr-no-lf http-conn-reset http-extra-response http-multi-line-headers
    http-no-content-length http-parser-timeout-reset http-response-no-headers http-response-status-message
    http-should-keep-alive http-upgrade-binary http-upgrade-client
  `),
  "needs a child process or a cluster": names(`
    http-chunk-problem http-full-response http-pipeline-flood http-server-drop-connections-in-cluster
    http-server-stale-close https-foafssl
  `),
  "reads Node's internals": names(`
    http-max-http-headers http-parser-memory-retention http-server-connection-list-when-close
    http-server-options-highwatermark
  `),
  "listens on a path": names(`
    http-client-abort-keep-alive-queued-unix-socket http-client-abort-unix-socket http-client-pipe-end
    http-unix-socket http-unix-socket-keep-alive https-unix-socket-self-signed
  `),
};
