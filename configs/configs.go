// Package configs holds the example configurations, and test files for them, so
// that the program can run them wherever it is. It imports nothing of this
// project.
package configs

import (
	"embed"
	"strings"
)

// TestEnding is what the names of test files end in, which `sgate test` runs and
// which are no configurations.
const TestEnding = ".test.yaml"

// Files are the examples by name.
//
//go:embed *.yaml
var Files embed.FS

// Configurations returns the names of the example configurations, in order.
func Configurations() []string {
	return names(func(name string) bool { return !strings.HasSuffix(name, TestEnding) })
}

// TestFiles returns the names of the test files, in order.
func TestFiles() []string {
	return names(func(name string) bool { return strings.HasSuffix(name, TestEnding) })
}

func names(want func(string) bool) []string {
	entries, err := Files.ReadDir(".")
	if err != nil { // never: it is part of the program
		return nil
	}
	var found []string
	for _, entry := range entries {
		if want(entry.Name()) {
			found = append(found, entry.Name())
		}
	}
	return found
}
