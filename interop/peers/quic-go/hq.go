// Files over HTTP/0.9 (ALPN hq-interop), as in the public interop runner: a stream for each request, "GET path\r\n".
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/quic-go/quic-go"
)

const hqALPN = "hq-interop"

func serveHQ(transport *quic.Transport, certificate tls.Certificate, root string, config *quic.Config) error {
	security := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{hqALPN}}
	listener, err := transport.ListenEarly(security, config)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept(context.Background())
		if err != nil {
			return err
		}
		go func() {
			for {
				stream, err := connection.AcceptStream(context.Background())
				if err != nil {
					return
				}
				go answerHQ(stream, root)
			}
		}()
	}
}

func answerHQ(stream *quic.Stream, root string) {
	line, err := bufio.NewReader(stream).ReadString('\n')
	path, isGet := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "GET ")
	if err != nil || !isGet {
		stream.CancelWrite(1)
		return
	}
	file, err := os.Open(filepath.Join(root, filepath.Clean("/"+path)))
	if err != nil {
		stream.CancelWrite(1)
		return
	}
	defer file.Close()
	if _, err = io.Copy(stream, file); err == nil {
		stream.Close()
	}
}

func visitHQ(address, output string, security *tls.Config, paths []string, config *quic.Config) (Report, error) {
	security = security.Clone()
	security.NextProtos = []string{hqALPN}
	connection, err := quic.DialAddr(context.Background(), address, security, config)
	if err != nil {
		return Report{}, err
	}
	defer connection.CloseWithError(0, "")
	errs := make([]error, len(paths))
	var group sync.WaitGroup
	for i, path := range paths {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i] = fetchHQ(connection, path, filepath.Join(output, filepath.Base(path)))
		}()
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return Report{}, err
		}
	}
	state := connection.ConnectionState()
	return Report{
		Protocol: state.TLS.NegotiatedProtocol,
		Resumed:  state.TLS.DidResume,
		Used0RTT: state.Used0RTT,
		Version:  strings.TrimPrefix(state.Version.String(), "v"),
	}, nil
}

func fetchHQ(connection *quic.Conn, path, file string) error {
	stream, err := connection.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	if _, err = stream.Write([]byte("GET " + path + "\r\n")); err != nil {
		return err
	}
	if err = stream.Close(); err != nil {
		return err
	}
	target, err := os.Create(file)
	if err != nil {
		return err
	}
	defer target.Close()
	_, err = io.Copy(target, stream)
	return err
}
