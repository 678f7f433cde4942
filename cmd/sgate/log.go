package main

import (
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
