// Both ends of a session do what interop/webtransport/exercise.ts describes.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

const (
	resetCode    = 42
	stopCode     = 43
	contentSize  = 100_000
	datagramSize = 1000
	farewellCode = 7
	farewell     = "grüße"
)

var content = func() []byte {
	all := make([]byte, contentSize)
	for i := range all {
		all[i] = byte(i*31 + i>>8)
	}
	return all
}()

// Ended is what a side knows of a session that has ended as it should.
type Ended struct {
	Protocol  string `json:"protocol"`
	CloseCode uint32 `json:"closeCode"`
	Reason    string `json:"reason"`
}

func serveSessions(address, certFile, keyFile string, config *quic.Config) error {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	security := http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate}})
	mux := http.NewServeMux()
	server := &webtransport.Server{
		H3:                   &http3.Server{TLSConfig: security, QUICConfig: config, Handler: mux},
		ApplicationProtocols: []string{"interop"},
	}
	mux.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		session, err := server.Upgrade(response, request)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			response.WriteHeader(http.StatusInternalServerError)
			return
		}
		if request.URL.Path == "/echo" {
			echoSession(session)
			return
		}
		report(exercise(session, request.URL.Path == "/server-closes"))
	})
	return server.Serve(udp)
}

func openSession(address, ca, name, path string, config *quic.Config) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	security := &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{http3.NextProtoH3}}
	connection, err := quic.DialAddr(context.Background(), address, security, config)
	if err != nil {
		return err
	}
	// Transport.Dial would close the connection with the session, before the session's code and reason are sent.
	transport := webtransport.Transport{ApplicationProtocols: []string{"other", "interop"}}
	client, err := transport.NewClientConn(connection)
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	_, session, err := client.Dial(context.Background(), "https://"+name+":"+port+"/"+path, nil)
	if err != nil {
		return err
	}
	ended, err := exercise(session, path == "client-closes")
	report(ended, err)
	// The end of the session still has to be sent, and the library does not tell when it was.
	time.Sleep(200 * time.Millisecond)
	_ = connection.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	return err
}

func report(ended Ended, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	_ = json.NewEncoder(os.Stdout).Encode(ended)
}

func exercise(session *webtransport.Session, closes bool) (Ended, error) {
	ctx, cancel := context.WithCancel(session.Context())
	defer cancel()
	done := make(chan struct{}, 1)
	tasks := []func() error{
		func() error { return openEcho(session) },
		func() error { return openUni(session, 'U', content) },
		func() error { return openAnswered(session, 'R') },
		func() error { return openAnswered(session, 'S') },
		func() error { return exchangeDatagrams(ctx, session) },
		func() error { return acceptOne(ctx, session) },
		func() error { return acceptOne(ctx, session) },
		func() error { return acceptOne(ctx, session) },
		func() error { return acceptUni(ctx, session, done) },
	}
	if closes {
		tasks = append(tasks, func() error { return acceptUni(ctx, session, done) })
	}
	errs := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { errs <- task() }()
	}
	for range tasks {
		if err := <-errs; err != nil {
			_ = session.CloseWithError(1, err.Error())
			return Ended{}, fmt.Errorf("%w (the session: %v)", err, context.Cause(session.Context()))
		}
	}
	protocol := session.SessionState().ApplicationProtocol
	if closes {
		<-done
		return Ended{protocol, farewellCode, farewell}, session.CloseWithError(farewellCode, farewell)
	}
	if err := openUni(session, 'D', nil); err != nil {
		return Ended{}, err
	}
	// Nothing more comes; the reason is that of the session's end.
	_, err := session.AcceptUniStream(context.Background())
	var end *webtransport.SessionError
	if !errors.As(err, &end) || !end.Remote {
		return Ended{}, fmt.Errorf("the session was cut off: %v", err)
	}
	return Ended{protocol, uint32(end.ErrorCode), end.Message}, nil
}

func compare(what string, got []byte) error {
	if !bytes.Equal(got, content) {
		return fmt.Errorf("%s of %d bytes differs", what, len(got))
	}
	return nil
}

// expectCode fails unless err is the other side's code.
func expectCode(what string, code webtransport.StreamErrorCode, err error) error {
	var end *webtransport.StreamError
	if !errors.As(err, &end) || !end.Remote || end.ErrorCode != code {
		return fmt.Errorf("%s ended with %v", what, err)
	}
	return nil
}

func openEcho(session *webtransport.Session) error {
	stream, err := session.OpenStreamSync(session.Context())
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		if _, err := stream.Write(append([]byte{'E'}, content...)); err != nil {
			sent <- err
			return
		}
		sent <- stream.Close()
	}()
	echo, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	if err := compare("the echo", echo); err != nil {
		return err
	}
	return <-sent
}

func openUni(session *webtransport.Session, name byte, more []byte) error {
	stream, err := session.OpenUniStreamSync(session.Context())
	if err != nil {
		return err
	}
	if _, err := stream.Write(append([]byte{name}, more...)); err != nil {
		return err
	}
	return stream.Close()
}

func openAnswered(session *webtransport.Session, name byte) error {
	stream, err := session.OpenStreamSync(session.Context())
	if err != nil {
		return err
	}
	if _, err := stream.Write([]byte{name}); err != nil {
		return err
	}
	answer := []byte{0}
	if _, err := io.ReadFull(stream, answer); err != nil {
		return err
	}
	if answer[0] != name {
		return fmt.Errorf("a wrong answer on %c", name)
	}
	if name == 'R' {
		stream.CancelWrite(resetCode)
		return nil
	}
	stream.CancelRead(stopCode)
	return stream.Close()
}

func acceptOne(ctx context.Context, session *webtransport.Session) error {
	stream, err := session.AcceptStream(ctx)
	if err != nil {
		return err
	}
	name := []byte{0}
	if _, err := io.ReadFull(stream, name); err != nil {
		return fmt.Errorf("a stream without a name: %w", err)
	}
	switch name[0] {
	case 'E':
		if _, err := io.Copy(stream, stream); err != nil {
			return err
		}
		return stream.Close()
	case 'R':
		if _, err := stream.Write(name); err != nil {
			return err
		}
		_, err := io.ReadAll(stream)
		if err := expectCode("a stream to be reset", resetCode, err); err != nil {
			return err
		}
		return stream.Close()
	case 'S':
		if _, err := stream.Write(name); err != nil {
			return err
		}
		// Its end shows on the context; a write then returns the code.
		select {
		case <-stream.Context().Done():
		case <-ctx.Done():
		}
		_, err := stream.Write(name)
		return expectCode("a stream to be stopped", stopCode, err)
	}
	return fmt.Errorf("a stream with the name %c", name[0])
}

func acceptUni(ctx context.Context, session *webtransport.Session, done chan<- struct{}) error {
	stream, err := session.AcceptUniStream(ctx)
	if err != nil {
		return err
	}
	all, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("a stream without a name")
	}
	switch all[0] {
	case 'U':
		return compare("a one-way stream", all[1:])
	case 'D':
		done <- struct{}{}
		return nil
	}
	return fmt.Errorf("a stream with the name %c", all[0])
}

// exchangeDatagrams repeats a datagram until the session ends, because one may be lost.
func exchangeDatagrams(ctx context.Context, session *webtransport.Session) error {
	go func() {
		for {
			if session.SendDatagram(content[:datagramSize]) != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	payload, err := session.ReceiveDatagram(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(payload, content[:datagramSize]) {
		return fmt.Errorf("a datagram of %d bytes differs", len(payload))
	}
	return nil
}
