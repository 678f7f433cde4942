package report

import (
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

// The SARIF form (OASIS, Static Analysis Results Interchange Format 2.1.0); the
// numbers are sections of that standard.

type sarifLog struct { // 3.13
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct { // 3.14
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	ColumnKind  string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct { // 3.18
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct { // 3.19
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct { // 3.49
	ID                   string             `json:"id"`
	ShortDescription     sarifText          `json:"shortDescription"`
	FullDescription      sarifText          `json:"fullDescription"`
	Help                 sarifText          `json:"help"`
	HelpURI              string             `json:"helpUri"`
	DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	Properties           sarifRuleTags      `json:"properties"`
}

type sarifConfiguration struct { // 3.50
	Enabled bool   `json:"enabled"`
	Level   string `json:"level"`
}

type sarifRuleTags struct { // 3.8
	Tags []string `json:"tags"`
}

type sarifText struct { // 3.11, 3.12
	Text string `json:"text"`
}

type sarifInvocation struct { // 3.20
	ExecutionSuccessful        bool                `json:"executionSuccessful"`
	ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct { // 3.58
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifResult struct { // 3.27
	RuleID           string             `json:"ruleId"`
	RuleIndex        int                `json:"ruleIndex"`
	Level            string             `json:"level"`
	Message          sarifText          `json:"message"`
	Locations        []sarifLocation    `json:"locations"`
	RelatedLocations []sarifLocation    `json:"relatedLocations,omitempty"`
	Suppressions     []sarifSuppression `json:"suppressions"` // there if empty: then it is known that there is none
}

type sarifSuppression struct { // 3.35
	Kind          string        `json:"kind"`
	Justification string        `json:"justification"`
	Location      sarifLocation `json:"location"`
}

type sarifLocation struct { // 3.28
	ID               int           `json:"id,omitempty"`
	PhysicalLocation sarifPhysical `json:"physicalLocation"`
	Message          *sarifText    `json:"message,omitempty"`
	LogicalLocations []sarifLogic  `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct { // 3.29
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           sarifRegion   `json:"region"`
}

type sarifArtifact struct { // 3.4
	URI string `json:"uri"`
}

type sarifRegion struct { // 3.30
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
}

type sarifLogic struct { // 3.33
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// home is where the program and its pages are.
const home = "https://github.com/sgate/sgate"

// SARIF prints a SARIF 2.1.0 log with one run. Silenced findings are always in
// it, each with its suppression: what reads SARIF hides them itself. A file that
// could not be read is a notification of a run that did not succeed.
func SARIF(w io.Writer, files []File, version string) error {
	kinds := finding.Kinds()
	index := make(map[string]int)
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "sgate", Version: version, InformationURI: home}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	for i, k := range kinds {
		index[k.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(k))
	}
	invocation := sarifInvocation{ExecutionSuccessful: true}
	for _, file := range files {
		for _, err := range faults(file.Err) {
			invocation.ExecutionSuccessful = false
			invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, notification(file, err))
		}
		for _, f := range file.Findings {
			run.Results = append(run.Results, sarifResultOf(file, f, index[f.Kind]))
		}
	}
	run.Invocations = []sarifInvocation{invocation}
	return encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifRuleOf(k finding.Kind) sarifRule {
	return sarifRule{
		ID:                   k.ID,
		ShortDescription:     sarifText{k.Title + "."},
		FullDescription:      sarifText{k.Why},
		Help:                 sarifText{k.Why + " Source: " + strings.Join(k.Sources, "; ") + "."},
		HelpURI:              home + "/blob/main/docs/lint.md#" + k.ID,
		DefaultConfiguration: sarifConfiguration{Enabled: !k.Optional, Level: k.Severity.String()},
		Properties:           sarifRuleTags{[]string{"aws", "network", "security"}},
	}
}

func sarifResultOf(file File, f finding.Finding, index int) sarifResult {
	at := locationOf(file, f.Origin, "")
	if f.Subject != "" {
		at.LogicalLocations = []sarifLogic{{f.Subject, "resource"}}
	}
	result := sarifResult{
		RuleID: f.Kind, RuleIndex: index, Level: f.Severity.String(),
		Message:   sarifText{joined(f.Subject, f.Message) + ". " + f.Remedy},
		Locations: []sarifLocation{at}, Suppressions: []sarifSuppression{},
	}
	for i, related := range f.Related {
		of := locationOf(file, related.Origin, related.Message)
		of.ID = i + 1
		result.RelatedLocations = append(result.RelatedLocations, of)
	}
	if s := f.Silence; s != nil {
		result.Suppressions = append(result.Suppressions, sarifSuppression{"inSource", s.Reason, locationOf(file, s.Origin, "")})
	}
	return result
}

// notification says why a file could not be read.
func notification(file File, err error) sarifNotification {
	var fault *vpc.Error
	var at vpc.Origin
	text := err.Error()
	if errors.As(err, &fault) {
		at, text = fault.Origin, joined(fault.Subject, fault.Detail)
	}
	return sarifNotification{"error", sarifText{text}, []sarifLocation{locationOf(file, at, "")}}
}

func locationOf(file File, o vpc.Origin, message string) sarifLocation {
	at := placeOf(file, o)
	out := sarifLocation{PhysicalLocation: sarifPhysical{sarifArtifact{uri(at.File)}, sarifRegion{at.Line, at.Column}}}
	if message != "" {
		out.Message = &sarifText{message}
	}
	return out
}

// uri returns a path as a URI, relative if the path is: viewers take it from the
// repository's root.
func uri(path string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
