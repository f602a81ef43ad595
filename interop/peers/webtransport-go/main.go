// WebTransport with webtransport-go, as server and client.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/quic-go/quic-go"
)

func main() {
	role := flag.String("role", "", "server or client")
	address := flag.String("address", "", "host:port to listen on or connect to")
	certFile := flag.String("cert", "", "server: PEM file")
	keyFile := flag.String("key", "", "server: PEM file")
	ca := flag.String("ca", "", "client: PEM file of the authority")
	name := flag.String("name", "", "client: the server's name")
	sessions := flag.String("webtransport", "", "client: client-closes or server-closes")
	flag.Parse()
	config := &quic.Config{
		MaxIdleTimeout:                   30 * time.Second,
		EnableDatagrams:                  true,
		EnableStreamResetPartialDelivery: true,
	}
	var err error
	if *role == "server" {
		err = serveSessions(*address, *certFile, *keyFile, config)
	} else {
		err = openSession(*address, *ca, *name, *sessions, config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
