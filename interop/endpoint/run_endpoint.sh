#!/bin/bash
# The entry point of the image for the public QUIC interop runner. Tests replace the paths.

"${SETUP:-/setup.sh}"

params=${SERVER_PARAMS:-}
if [ "$ROLE" = client ]; then
  params=${CLIENT_PARAMS:-}
  # Its network is ready when the simulator listens.
  "${WAIT_FOR_IT:-/wait-for-it.sh}" sim:57832 -s -t 30
fi

# Without quotes: several parameters.
exec "${NODE:-node}" "${ENDPOINT:-/nagare/dist-tools/interop/endpoint/main.js}" $params
