package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sgate/sgate/bench/report"
)

// write prints the table, and writes it, the plot and the results to a folder.
func write(folder string, r *report.Results, verdicts []report.Verdict, out io.Writer) error {
	table := report.Table(r, verdicts)
	raw, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	_, err = fmt.Fprint(out, table)
	return errors.Join(err,
		os.WriteFile(filepath.Join(folder, "table.md"), []byte(table), 0o644),
		os.WriteFile(filepath.Join(folder, "plot.svg"), []byte(report.Plot(r)), 0o644),
		os.WriteFile(filepath.Join(folder, "results.json"), append(raw, '\n'), 0o644))
}
