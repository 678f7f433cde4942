package assertion

import (
	"encoding/json"
	"io"
	"time"
)

// Report is what came of the tests of several files.
type Report struct {
	Files []FileReport
}

// FileReport is what came of one file.
type FileReport struct {
	Path    string // of the test file
	Against string // what the tests ran against, in words
	Live    bool   // real packets were sent, too
	Began   time.Time
	Results []Result // in the file's order
}

// Totals are what a report comes to.
type Totals struct {
	Tests  int `json:"tests"`
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	Cases  int `json:"cases"` // of all tests
	// Untried counts those for which a real packet was asked and none sent.
	Untried int `json:"untried_cases"`
}

// Totals adds the results up.
func (r *Report) Totals() Totals {
	var t Totals
	for i := range r.Files {
		t.add(r.Files[i].totals())
	}
	return t
}

func (f *FileReport) totals() Totals {
	var t Totals
	for i := range f.Results {
		result := &f.Results[i]
		t.Tests++
		t.Cases += result.Cases
		t.Untried += result.Untried
		if result.Passed {
			t.Passed++
		} else {
			t.Failed++
		}
	}
	return t
}

func (t *Totals) add(other Totals) {
	t.Tests += other.Tests
	t.Passed += other.Passed
	t.Failed += other.Failed
	t.Cases += other.Cases
	t.Untried += other.Untried
}

// took returns how long the file's tests took in all.
func (f *FileReport) took() time.Duration {
	var all time.Duration
	for i := range f.Results {
		all += f.Results[i].Took
	}
	return all
}

// The JSON form of a report.
type (
	jsonReport struct {
		Files []jsonFile `json:"files"`
		Totals
	}
	jsonFile struct {
		File    string       `json:"file"`
		Against string       `json:"against"`
		Live    bool         `json:"live"`
		Tests   []jsonResult `json:"tests"`
	}
	jsonResult struct {
		Result
		Seconds float64 `json:"seconds"`
	}
)

// WriteJSON writes a report for programs.
func WriteJSON(w io.Writer, r *Report) error {
	out := jsonReport{Files: []jsonFile{}, Totals: r.Totals()}
	for i := range r.Files {
		f := &r.Files[i]
		file := jsonFile{File: f.Path, Against: f.Against, Live: f.Live, Tests: []jsonResult{}}
		for _, result := range f.Results {
			file.Tests = append(file.Tests, jsonResult{result, result.Took.Seconds()})
		}
		out.Files = append(out.Files, file)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
