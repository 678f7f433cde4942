package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/sgate/sgate/account"
	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/daemon"
	"github.com/sgate/sgate/internal/background"
)

// serve starts a server with the configuration of a file and keeps it in step
// with the file until ctx is done; then it closes the server.
func serve(ctx context.Context, src config.Source, start func(*config.Config, *slog.Logger) (account.Server, error)) (err error) {
	watcher, err := daemon.NewWatcher(src.Path) // before the file is read
	if err != nil {
		return err
	}
	defer watcher.Close()
	cfg, err := config.Load(src)
	if err != nil {
		return err
	}
	log := newLogger(os.Stderr, cfg.Gateway.Log)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before there is anything to lose
	defer signal.Stop(hangup)
	makeRoomForWorkers()
	s, err := start(cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	watcher.Run(ctx, hangup, log, func() error {
		var cfg *config.Config
		err := background.Do(func() (err error) {
			cfg, err = config.Load(src)
			return err
		})
		if err != nil {
			s.Refused()
			return err
		}
		return s.Apply(ctx, cfg)
	})
	log.Info("ending")
	return nil
}

// makeRoomForWorkers lets the Go runtime run as many goroutines again as there are
// processors. A worker of the gateway that comes back from a system call needs one
// of the runtime's places, and would wait for up to 10 ms until somebody who
// renders an answer of megabytes, or collects garbage, gives one up. Who has set
// GOMAXPROCS knows better.
func makeRoomForWorkers() {
	if _, set := os.LookupEnv("GOMAXPROCS"); !set {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}
