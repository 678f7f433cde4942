package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/lint/finding"
	"github.com/sgate/sgate/vpc"
)

func at(line, column int) vpc.Origin { return vpc.Origin{File: "lab.yaml", Line: line, Column: column} }

// sample are a file with findings of each kind of interest and one that could
// not be read.
func sample() []File {
	return []File{
		{Path: "lab.yaml", Findings: []finding.Finding{
			{Kind: finding.SSHOpen, Severity: finding.Error, Subject: `security group "web"`, Origin: at(7, 9),
				Message: "ingress tcp 22 from 0.0.0.0/0: SSH is open to the world", Remedy: "Admit <your> addresses.",
				IDs: []string{"sg-1", "sgr-1"}, Within: []vpc.Origin{at(7, 9), at(6, 5)}},
			{Kind: finding.RuleCovered, Severity: finding.Warning, Subject: `security group "web"`, Origin: at(8, 9),
				Message: "covered", Remedy: "Remove it.", IDs: []string{"sg-1", "sgr-2"},
				Related: []finding.Place{{Origin: at(7, 9), Message: "the wider rule"}, {Message: "somewhere"}}},
			{Kind: finding.GroupUnattached, Severity: finding.Note, Subject: `security group "old"`, Origin: at(9, 5),
				Message: "no interface has the group", Remedy: "Remove it.", IDs: []string{"sg-2"},
				Silence: &finding.Silence{Kind: finding.GroupUnattached, Reason: "kept for later", Origin: at(10, 20)}},
			{Kind: finding.AllEgressOpen, Severity: finding.Note, Subject: `security group "web"`, Origin: at(6, 5),
				Message: "everything is let out", Remedy: "List it."},
			{Kind: finding.QuotaNearlyReached, Severity: finding.Warning, Subject: "quotas", Message: "8 of at most 10", Remedy: "Raise it."},
		}},
		{Path: "my lab.yaml", Err: errors.Join(
			&vpc.Error{Origin: vpc.Origin{File: "my lab.yaml", Line: 3, Column: 4}, Subject: `vpc "main"`, Detail: "is wrong"},
			&fs.PathError{Op: "open", Path: "my lab.yaml", Err: fs.ErrNotExist},
		)},
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	files, counts := Selection{Silenced: true}.Of(sample())
	if err := Text(&b, files, counts); err != nil {
		t.Fatal(err)
	}
	want := `lab.yaml:7:9: error: security group "web": ingress tcp 22 from 0.0.0.0/0: SSH is open to the world (ssh-open-to-world)
        Admit <your> addresses.
lab.yaml:8:9: warning: security group "web": covered (rule-covered)
        Remove it.
        lab.yaml:7:9: the wider rule
        somewhere
lab.yaml:9:5: note, silenced: security group "old": no interface has the group (group-unattached)
        silenced at lab.yaml:10:20: kept for later
warning: quotas: 8 of at most 10 (quota-nearly-reached)
        Raise it.
2 files: 1 error, 2 warnings, 1 silenced; 1 could not be read
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSelection(t *testing.T) {
	for _, tt := range []struct {
		name   string
		s      Selection
		shown  string
		counts Counts
	}{
		{"all but the silenced and the optional", Selection{}, "ssh-open-to-world rule-covered quota-nearly-reached", Counts{[3]int{0, 2, 1}, 1}},
		{"silenced", Selection{Silenced: true}, "ssh-open-to-world rule-covered group-unattached quota-nearly-reached", Counts{[3]int{0, 2, 1}, 1}},
		{"optional", Selection{Optional: []string{finding.AllEgressOpen}}, "ssh-open-to-world rule-covered all-egress-open quota-nearly-reached",
			Counts{[3]int{1, 2, 1}, 1}},
		{"warnings", Selection{Least: finding.Warning, Silenced: true}, "ssh-open-to-world rule-covered quota-nearly-reached", Counts{[3]int{0, 2, 1}, 0}},
		{"errors", Selection{Least: finding.Error}, "ssh-open-to-world", Counts{[3]int{0, 0, 1}, 0}},
	} {
		files, counts := tt.s.Of(sample())
		var shown []string
		for _, f := range files[0].Findings {
			shown = append(shown, f.Kind)
		}
		if got := strings.Join(shown, " "); got != tt.shown || counts != tt.counts {
			t.Errorf("%s: %s %v, want %s %v", tt.name, got, counts, tt.shown, tt.counts)
		}
	}
	counts := Counts{[3]int{1, 2, 4}, 8}
	for severity, want := range map[finding.Severity]int{finding.Note: 7, finding.Warning: 6, finding.Error: 4} {
		if got := counts.AtLeast(severity); got != want {
			t.Errorf("at least %s: %d, want %d", severity, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		files  int
		counts Counts
		want   string
	}{
		{1, Counts{}, "1 file: no findings\n"},
		{3, Counts{BySeverity: [3]int{1, 1, 1}}, "3 files: 1 error, 1 warning, 1 note\n"},
		{1, Counts{BySeverity: [3]int{2, 0, 0}, Silenced: 3}, "1 file: 2 notes, 3 silenced\n"},
		{1, Counts{Silenced: 1}, "1 file: no findings, 1 silenced\n"},
	} {
		if got := summary(make([]File, tt.files), tt.counts); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	files, counts := Selection{Silenced: true, Least: finding.Note}.Of(sample())
	files[0].Findings = files[0].Findings[1:] // those with something optional
	if err := JSON(&b, files, counts); err != nil {
		t.Fatal(err)
	}
	want := `{
  "files": [
    {
      "file": "lab.yaml"
    },
    {
      "file": "my lab.yaml",
      "faults": [
        "my lab.yaml:3:4: vpc \"main\": is wrong",
        "open my lab.yaml: file does not exist"
      ]
    }
  ],
  "findings": [
    {
      "finding": "rule-covered",
      "severity": "warning",
      "file": "lab.yaml",
      "line": 8,
      "column": 9,
      "subject": "security group \"web\"",
      "message": "covered",
      "remedy": "Remove it.",
      "resources": [
        "sg-1",
        "sgr-2"
      ],
      "related": [
        {
          "file": "lab.yaml",
          "line": 7,
          "column": 9,
          "message": "the wider rule"
        },
        {
          "file": "lab.yaml",
          "line": 1,
          "column": 1,
          "message": "somewhere"
        }
      ]
    },
    {
      "finding": "group-unattached",
      "severity": "note",
      "file": "lab.yaml",
      "line": 9,
      "column": 5,
      "subject": "security group \"old\"",
      "message": "no interface has the group",
      "remedy": "Remove it.",
      "resources": [
        "sg-2"
      ],
      "silenced": {
        "file": "lab.yaml",
        "line": 10,
        "column": 20,
        "reason": "kept for later"
      }
    },
    {
      "finding": "quota-nearly-reached",
      "severity": "warning",
      "file": "lab.yaml",
      "line": 1,
      "column": 1,
      "subject": "quotas",
      "message": "8 of at most 10",
      "remedy": "Raise it.",
      "resources": []
    }
  ],
  "summary": {
    "errors": 1,
    "warnings": 2,
    "notes": 0,
    "silenced": 1
  }
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNothingFound holds that lists are lists where they are empty.
func TestNothingFound(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, nil, Counts{}); err != nil {
		t.Fatal(err)
	}
	if err := SARIF(&b, nil, ""); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") || !strings.Contains(b.String(), `"results": []`) {
		t.Errorf("got %s", b.String())
	}
}

func TestURI(t *testing.T) {
	for path, want := range map[string]string{
		"lab.yaml": "lab.yaml", "../a/lab.yaml": "../a/lab.yaml", "my lab.yaml": "my%20lab.yaml",
		"/etc/sgate.yaml": "file:///etc/sgate.yaml", "a:b.yaml": "./a:b.yaml", "50%.yaml": "50%25.yaml",
	} {
		if got := uri(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// sarifShape is what the standard says of the objects that are used: their
// properties, an asterisk after those that are required. What a property holds
// is the name of another object here, or "" for a plain value; "[]" marks a list.
var sarifShape = map[string]string{
	"log":           "$schema version* runs*:[]run",
	"run":           "tool*:tool invocations:[]invocation columnKind results:[]result",
	"tool":          "driver*:driver",
	"driver":        "name* version informationUri rules:[]rule",
	"rule":          "id* shortDescription:text fullDescription:text help:text helpUri defaultConfiguration:configuration properties:bag",
	"configuration": "enabled level",
	"bag":           "tags:[]",
	"text":          "text*",
	"invocation":    "executionSuccessful* toolExecutionNotifications:[]notification",
	"notification":  "message*:text level locations:[]location",
	"result":        "message*:text ruleId ruleIndex level locations:[]location relatedLocations:[]location suppressions:[]suppression",
	"suppression":   "kind* justification location:location",
	"location":      "id physicalLocation:physical logicalLocations:[]logical message:text",
	"physical":      "artifactLocation*:artifact region:region",
	"artifact":      "uri*",
	"region":        "startLine* startColumn",
	"logical":       "fullyQualifiedName kind",
}

// checkShape holds a value against sarifShape.
func checkShape(t *testing.T, path, name string, value any) {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok {
		t.Errorf("%s: is %T, want an object", path, value)
		return
	}
	known := make(map[string]bool)
	for _, property := range strings.Fields(sarifShape[name]) {
		key, of, _ := strings.Cut(property, ":")
		key, required := strings.CutSuffix(key, "*")
		known[key] = true
		inner, there := object[key]
		of, list := strings.CutPrefix(of, "[]")
		switch {
		case !there && required:
			t.Errorf("%s: has no %s", path, key)
		case !there:
		case list:
			items, ok := inner.([]any)
			if !ok {
				t.Errorf("%s.%s: is %T, want a list", path, key, inner)
			}
			for i, item := range items {
				if of != "" {
					checkShape(t, fmt.Sprintf("%s.%s[%d]", path, key, i), of, item)
				}
			}
		case of != "":
			checkShape(t, path+"."+key, of, inner)
		case inner == "" || inner == nil:
			t.Errorf("%s.%s: is empty", path, key)
		}
	}
	for key := range object {
		if !known[key] {
			t.Errorf("%s: has %s, which the standard does not know there", path, key)
		}
	}
}

// TestSARIF holds the shape to the standard, and what it says to the findings.
func TestSARIF(t *testing.T) {
	var b strings.Builder
	files, _ := Selection{Silenced: true}.Of(sample())
	if err := SARIF(&b, files, "v1"); err != nil {
		t.Fatal(err)
	}
	var whole any
	if err := json.Unmarshal([]byte(b.String()), &whole); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "$", "log", whole)
	var log sarifLog
	if err := json.Unmarshal([]byte(b.String()), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	levels := map[string]bool{"none": true, "note": true, "warning": true, "error": true}
	for i, k := range finding.Kinds() {
		if r := run.Tool.Driver.Rules[i]; r.ID != k.ID || !levels[r.DefaultConfiguration.Level] || r.DefaultConfiguration.Enabled == k.Optional {
			t.Errorf("rule %d: %+v, want that of %s", i, r, k.ID)
		}
	}
	for i, f := range files[0].Findings {
		r := run.Results[i]
		if run.Tool.Driver.Rules[r.RuleIndex].ID != f.Kind || r.RuleID != f.Kind || r.Level != f.Severity.String() {
			t.Errorf("result %d: %+v, want %s", i, r, f.Kind)
		}
		if (len(r.Suppressions) == 1) != (f.Silence != nil) || r.Suppressions == nil {
			t.Errorf("result %d: suppressions %v, want them as the silence %v", i, r.Suppressions, f.Silence)
		}
	}
	silenced := run.Results[2].Suppressions[0]
	want := sarifSuppression{"inSource", "kept for later", sarifLocation{PhysicalLocation: sarifPhysical{sarifArtifact{"lab.yaml"}, sarifRegion{10, 20}}}}
	if diff := cmp.Diff(want, silenced); diff != "" {
		t.Errorf("suppression (-want +got):\n%s", diff)
	}
	if place := run.Results[0].Locations[0].PhysicalLocation; place != (sarifPhysical{sarifArtifact{"lab.yaml"}, sarifRegion{7, 9}}) {
		t.Errorf("the first stands at %v", place)
	}
	if in := run.Invocations[0]; in.ExecutionSuccessful || len(in.ToolExecutionNotifications) != 2 ||
		in.ToolExecutionNotifications[0].Locations[0].PhysicalLocation.ArtifactLocation.URI != "my%20lab.yaml" {
		t.Errorf("the file that could not be read: %+v", in)
	}
}
