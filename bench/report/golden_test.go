package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func recorded(t *testing.T) *Results {
	t.Helper()
	raw, err := os.ReadFile("testdata/results.json")
	if err != nil {
		t.Fatal(err)
	}
	var r Results
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it anew:\n%s", name, diff)
	}
}

func TestTable(t *testing.T) {
	r := recorded(t)
	golden(t, "table.md", Table(r, Judge(r, Targets())))
}

func TestPlot(t *testing.T) {
	plot := Plot(recorded(t))
	golden(t, "plot.svg", plot)
	if len(plot) >= 60_000 {
		t.Errorf("%d bytes, want below 60,000", len(plot))
	}
	if strings.Contains(plot, "<script") || strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
		t.Error("scripts, or places that are no numbers")
	}
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

// TestNothingMeasured is a run that could bring up no path: its report says so.
func TestNothingMeasured(t *testing.T) {
	r := &Results{Rounds: 3, Missing: []Fact{{"limit", "no /dev/net/tun"}}}
	verdicts := Judge(r, Targets())
	if Reaches(verdicts) {
		t.Error("the targets are reached by nothing")
	}
	if table := Table(r, verdicts); !strings.Contains(table, "- limit: no /dev/net/tun\n") {
		t.Errorf("the table does not say what is missing:\n%s", table)
	}
	if plot := Plot(r); strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
		t.Errorf("places that are no numbers:\n%s", plot)
	}
}
