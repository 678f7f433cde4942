package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sgate": main})
}

// TestScripts runs the scripts of testdata/script: sgate as a user would, with what
// it prints held against golden files. $CONFIGS is the folder of the examples.
// SGATE_UPDATE=1 writes the golden files anew.
func TestScripts(t *testing.T) {
	configs, err := filepath.Abs("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		UpdateScripts:      os.Getenv("SGATE_UPDATE") != "",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CONFIGS", configs)
			return nil
		},
	})
}
