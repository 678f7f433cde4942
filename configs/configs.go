// Package configs holds the example configurations, so that the program can
// run them wherever it is.
package configs

import "embed"

// Files are the example configurations by name.
//
//go:embed *.yaml
var Files embed.FS
