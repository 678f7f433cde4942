// Package quiet keeps bubbletea from speaking to the terminal before main.
//
// As soon as a program that is linked with bubbletea (version 1) starts, that asks
// the terminal for its background color, whatever the program was called for: a
// sequence in the output of every command, keys typed ahead that are lost, and,
// where nothing answers, five seconds of waiting. It does not ask a terminal that
// is dumb. So the environment says so until bubbletea has been initialized; who
// imports bubbletea calls [Restore] from its own init function.
//
// This package imports os alone, so that it is initialized before bubbletea, which
// needs text/template: of the packages whose imports are ready, Go takes the one
// whose path comes first (The Go Programming Language Specification, Package
// initialization), and text/template, which needs os too, comes later.
package quiet

import "os"

const variable = "TERM"

var term, set = os.LookupEnv(variable)

func init() { _ = os.Setenv(variable, "dumb") } // it fails for impossible names only

// Restore sets TERM to what it was.
func Restore() {
	if set {
		_ = os.Setenv(variable, term) // as above
		return
	}
	_ = os.Unsetenv(variable)
}
