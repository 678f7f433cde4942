package report

import (
	"encoding/json"
	"io"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// jsonReport is the JSON form: its fields are never renamed.
type jsonReport struct {
	Files    []jsonFile    `json:"files"`
	Findings []jsonFinding `json:"findings"`
	Summary  jsonSummary   `json:"summary"`
}

type jsonFile struct {
	File   string   `json:"file"`
	Faults []string `json:"faults,omitempty"` // why it could not be read
}

type jsonFinding struct {
	Finding  string `json:"finding"` // the id of its kind
	Severity string `json:"severity"`
	jsonPlace
	Subject   string        `json:"subject"`
	Message   string        `json:"message"`
	Remedy    string        `json:"remedy"`
	Resources []string      `json:"resources"` // ids
	Related   []jsonRelated `json:"related,omitempty"`
	Silenced  *jsonSilence  `json:"silenced,omitempty"`
}

// jsonPlace is a place in a file; lines and columns are counted from 1.
type jsonPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

type jsonRelated struct {
	jsonPlace
	Message string `json:"message"`
}

type jsonSilence struct {
	jsonPlace
	Reason string `json:"reason"`
}

type jsonSummary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	Silenced int `json:"silenced"`
}

// JSON prints one object with all findings of all files.
func JSON(w io.Writer, files []File, counts Counts) error {
	report := jsonReport{Files: []jsonFile{}, Findings: []jsonFinding{}, Summary: jsonSummary{
		Errors: counts.BySeverity[finding.Error], Warnings: counts.BySeverity[finding.Warning],
		Notes: counts.BySeverity[finding.Note], Silenced: counts.Silenced,
	}}
	for _, file := range files {
		of := jsonFile{File: file.Path}
		for _, err := range faults(file.Err) {
			of.Faults = append(of.Faults, err.Error())
		}
		report.Files = append(report.Files, of)
		for _, f := range file.Findings {
			report.Findings = append(report.Findings, asJSON(file, f))
		}
	}
	return encode(w, report)
}

func asJSON(file File, f finding.Finding) jsonFinding {
	out := jsonFinding{
		Finding: f.Kind, Severity: f.Severity.String(), jsonPlace: placeOf(file, f.Origin),
		Subject: f.Subject, Message: f.Message, Remedy: f.Remedy, Resources: append([]string{}, f.IDs...),
	}
	for _, related := range f.Related {
		out.Related = append(out.Related, jsonRelated{placeOf(file, related.Origin), related.Message})
	}
	if f.Silence != nil {
		out.Silenced = &jsonSilence{placeOf(file, f.Silence.Origin), f.Silence.Reason}
	}
	return out
}

// placeOf returns a place; the beginning of the file stands for one that is not
// known.
func placeOf(file File, o vpc.Origin) jsonPlace {
	if o == (vpc.Origin{}) {
		o = vpc.Origin{File: file.Path, Line: 1, Column: 1}
	}
	return jsonPlace(o)
}

// faults returns what a join of errors joins.
func faults(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
