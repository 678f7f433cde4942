package guard

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sgate/sgate/internal/local"
)

// CheckListen returns an error if an endpoint must not listen on an address:
// without credentials, whoever reaches it may change all security groups, so it
// must be this machine alone.
func CheckListen(address string, haveCredentials bool) error {
	onlyHere, err := local.Only(address)
	switch {
	case err != nil:
		return fmt.Errorf("--ec2-listen %q: %w, such as 127.0.0.1:4599", address, err)
	case !onlyHere && !haveCredentials:
		return fmt.Errorf("--ec2-listen %q: other machines could change security groups, and nobody would be asked who he is: want a loopback address, such as 127.0.0.1:4599, or access keys: --ec2-credentials FILE", address)
	}
	return nil
}

// Server returns a server for the endpoint's handler that gives up clients which
// are slow to ask, and to take their answer, and refuses heads that are too
// large: the longest session tokens have 4 KiB, the longest URLs that clients send
// 16 KiB. What clients do wrong on the way is logged for debugging.
func Server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // an answer of 1,000 groups with 60 rules has 20 MB
		IdleTimeout:       2 * time.Minute, // longer than AWS's clients keep a connection
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * comes to the handler, which refuses it like any other.
		DisableGeneralOptionsHandler: true,
	}
}
