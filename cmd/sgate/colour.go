package main

import (
	"io"
	"os"
)

// painter colours text, if it is true.
type painter bool

// painterOf returns the painter for an output: only people at a terminal want
// colours, and none who have set NO_COLOR (https://no-color.org).
func painterOf(w io.Writer) painter {
	return painter(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (p painter) red(s string) string    { return p.paint("31", s) }
func (p painter) green(s string) string  { return p.paint("32", s) }
func (p painter) yellow(s string) string { return p.paint("33", s) }

// paint puts text between the sequences of ECMA-48 (SGR) for a colour and for
// none.
func (p painter) paint(colour, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}
