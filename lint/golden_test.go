package lint_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/lint"
	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/lint/report"
)

var update = flag.Bool("update", false, "write what is found into testdata")

// lintText lints the text of a configuration.
func lintText(t *testing.T, name, text string) []finding.Finding {
	t.Helper()
	cfg, err := config.Parse([]byte(text), config.Source{Path: name})
	if err != nil {
		t.Fatal(err)
	}
	return lint.Run(cfg.Resources, cfg.Silences...)
}

// TestGolden lints each configuration of testdata. In them, comments say what is
// to be found and what is not: a near miss stands beside each hit.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := make(map[string]bool)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in, out := &archive.Files[0], &archive.Files[1]
		found := lintText(t, "in.yaml", string(in.Data))
		all := report.Selection{Silenced: true, Optional: optionalOf(string(archive.Comment))}
		shown, counts := all.Of([]report.File{{Path: "in.yaml", Findings: found}})
		for _, f := range shown[0].Findings {
			seen[f.Kind] = true
		}
		var got strings.Builder
		if err := report.Text(&got, shown, counts); err != nil {
			t.Fatal(err)
		}
		if *update {
			out.Data = []byte(got.String())
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(out.Data), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	for _, k := range finding.Kinds() {
		if !seen[k.ID] {
			t.Errorf("no file of testdata has a finding of the kind %s", k.ID)
		}
	}
}

// optionalOf returns the optional kinds that a comment names.
func optionalOf(comment string) []string {
	return slices.DeleteFunc(finding.OptionalIDs(), func(id string) bool { return !strings.Contains(comment, id) })
}

// TestExamplesAreClean holds that the example configurations have nothing that
// is more than a note, unless they say why.
func TestExamplesAreClean(t *testing.T) {
	files, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".test.yaml") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range lintText(t, file, string(text)) {
			if f.Severity > finding.Note && f.Silence == nil {
				t.Error(report.Line(f))
			}
		}
	}
}

// TestFindingsAreWhole holds that the same snapshot gives the same findings
// again, and that a finding has all that a reader needs.
func TestFindingsAreWhole(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse(archive.Files[0].Data, config.Source{Path: "in.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		found := lint.Run(cfg.Resources, cfg.Silences...)
		if diff := cmp.Diff(found, lint.Run(cfg.Resources, cfg.Silences...)); diff != "" {
			t.Errorf("%s: a second run differs:\n%s", file, diff)
		}
		for _, f := range found {
			kind, ok := finding.Lookup(f.Kind)
			switch {
			case !ok:
				t.Errorf("%s: there is no kind %s", file, f.Kind)
			case f.Severity > kind.Severity || f.Severity < kind.Severity && (f.Severity != finding.Note || kind.Lower == ""):
				t.Errorf("%s: severity %s, want %s", report.Line(f), f.Severity, kind.Severity)
			case f.Origin.Line == 0 || f.Message == "" || !strings.HasSuffix(f.Remedy, "."):
				t.Errorf("%s: is not whole: %+v", file, f)
			}
		}
	}
}
