package main

import (
	"errors"
	"io"
	"log/slog"

	"github.com/sgate/sgate/config"
)

func newLogger(out io.Writer, o config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.Level}
	if o.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// closeAll closes c and joins what goes wrong to an earlier error.
func closeAll(err error, c io.Closer) error { return errors.Join(err, c.Close()) }
