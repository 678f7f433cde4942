package assertion

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

// suite has a test of everything that a report can show.
const suite = `tests:
  - {name: web reaches app, from: web, to: app, protocol: tcp, port: 8080, expect: allow}
  - {name: "laptop <reaches> & app", from: laptop, to: app, protocol: tcp, port: 22, expect: allow}
  - {name: nobody reaches other ports, from: [web, laptop], to: app, protocol: tcp, port: [1-3, 8080], expect: drop}
  - {name: not in the lab, from: 198.51.100.7, to: app, protocol: tcp, port: 1, expect: drop}
  - {name: no rule, from: laptop, to: web, protocol: icmp, expect: drop, reason: no_route}
  - {name: refused, from: laptop, to: app, protocol: 47, expect: drop}
`

// world of the report: app admits tcp 8080 from web.
func explainSuite(r control.ExplainRequest) (control.Explanation, error) {
	switch {
	case r.Protocol == "47":
		return control.Explanation{}, control.Refuse("which vpc is meant?")
	case r.Port == 8080 && r.From == "web":
		e := allowed("sgr-0a")
		e.Egress = control.ExplainedSide{Answer: control.AnswerRule, Rule: &control.ExplainedRule{
			ID: "sgr-0b", Group: control.GroupRef{Name: "web"}, Direction: "egress", Text: "all traffic to 0.0.0.0/0",
		}}
		return e, nil
	}
	e := dropped("no_ingress_rule")
	e.From.Name, e.To.Name = r.From, r.To
	e.Ingress.Rules = 1
	e.Ingress.Misses = []control.ExplainedMiss{{
		Rule: *allowed("sgr-0a").Ingress.Rule, But: []string{"port"}, Text: "but for the port: 22 is asked, 8080 is open",
	}}
	e.NetworkACLs = []control.ExplainedACL{{Name: "tight", Action: "deny", Direction: "ingress", Entry: "*: deny all", Origin: "c.yaml:3:5"}}
	e.Reachability = &control.Reachability{Code: "ENI_SG_RULES_MISMATCH"}
	if !r.Brief {
		e.RemediesSuffice = true
		e.Remedies = []control.Remedy{{
			Kind: control.RemedyGroupRule, Name: "app", Direction: "ingress", Place: "c.yaml:5:5",
			Choice: control.Choice{Config: "- {type: SSH, source: 203.0.113.10/32}\n", AWS: "aws ec2 authorize-security-group-ingress"},
		}}
	}
	return e, nil
}

func probeSuite(_ Case, e *control.Explanation) (Observation, error) {
	if e.From.Name == "198.51.100.7" {
		return Observation{Seen: "no packet was sent: nobody in the lab has 198.51.100.7"}, nil
	}
	if e.Allowed() {
		return Observation{Verdict: Allow, Seen: "connected", Reason: "rule"}, nil
	}
	return Observation{Verdict: Drop, Seen: "no answer within 3s", Reason: e.Reason}, nil
}

func report(t *testing.T) *Report {
	t.Helper()
	results := run(t, Runner{Explainer: explainer(explainSuite), Prober: prober(probeSuite)}, suite)
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Report{Files: []FileReport{{Path: "f.yaml", Against: "lab three-tier", Live: true, Began: began, Results: results}}}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestText(t *testing.T) {
	for name, verbose := range map[string]bool{"report.txt": false, "verbose.txt": true} {
		var b bytes.Buffer
		text := &Text{Out: &b, Verbose: verbose}
		r := report(t)
		text.File(r.Files[0].Path, r.Files[0].Against)
		for i := range r.Files[0].Results {
			text.Result(&r.Files[0].Results[i])
		}
		if err := text.End(r.Totals(), 3140*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestTextPaints(t *testing.T) {
	var b bytes.Buffer
	text := &Text{Out: &b, Paint: func(passed bool, word string) string { return map[bool]string{true: "+", false: "-"}[passed] + word }}
	text.File("f.yaml", "c.yaml")
	text.Result(&Result{Name: "a", Passed: true})
	text.Result(&Result{Name: "b"})
	if want := "f.yaml (against c.yaml)\n+ok    a\n-FAIL  b\n"; !strings.HasPrefix(b.String(), want) {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestTextStopsAtAnError holds that a report without its beginning is no report.
func TestTextStopsAtAnError(t *testing.T) {
	text := &Text{Out: full{}}
	text.File("f", "c")
	text.Result(&Result{Name: "a", Passed: true})
	var b bytes.Buffer
	text.Out = &b
	text.Result(&Result{Name: "b", Passed: true})
	if err := text.End(Totals{}, 0); err == nil || b.Len() > 0 {
		t.Errorf("error %v, wrote %q", err, b.String())
	}
}

func TestWritersFail(t *testing.T) {
	text := &Text{Out: full{}}
	text.File("f", "c")
	text.Result(&Result{Name: "a", Passed: true})
	r := report(t)
	for name, err := range map[string]error{"text": text.End(Totals{}, 0), "junit": WriteJUnit(full{}, r), "json": WriteJSON(full{}, r)} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, report(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", b.Bytes())
	var back struct {
		Tests, Passed, Failed, Cases int
		Files                        []struct {
			File  string
			Tests []struct {
				Name    string
				Passed  bool
				Seconds float64
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Tests != 6 || back.Failed != 4 || len(back.Files[0].Tests) != 6 || back.Files[0].Tests[0].Seconds == 0 {
		t.Errorf("read back: %v, %+v", err, back)
	}
}

// junitFile is what readers of JUnit XML look at: Jenkins, GitLab and GitHub's
// actions agree on these.
type junitFile struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Suites   []struct {
		Name      string  `xml:"name,attr"`
		Tests     int     `xml:"tests,attr"`
		Failures  int     `xml:"failures,attr"`
		Errors    int     `xml:"errors,attr"`
		Skipped   int     `xml:"skipped,attr"`
		Time      float64 `xml:"time,attr"`
		Timestamp string  `xml:"timestamp,attr"`
		Cases     []struct {
			Name    string  `xml:"name,attr"`
			Class   string  `xml:"classname,attr"`
			File    string  `xml:"file,attr"`
			Line    int     `xml:"line,attr"`
			Time    float64 `xml:"time,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	r := report(t)
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.xml", b.Bytes())
	var back junitFile
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	s := back.Suites[0]
	if back.Tests != 6 || back.Failures != 4 || s.Tests != 6 || s.Failures != 4 || s.Name != "f.yaml" || s.Time <= 0 || s.Timestamp != "2026-01-02T03:04:05" || len(s.Cases) != 6 {
		t.Errorf("read back: %+v", back)
	}
	for i, c := range s.Cases {
		want := r.Files[0].Results[i]
		if c.Name != want.Name || c.Class != "f.yaml" || c.File != "f.yaml" || c.Line != 2+i || (c.Failure == nil) != want.Passed {
			t.Errorf("case %d: %+v, want %s", i, c, want.Name)
		}
		if c.Failure != nil && (c.Failure.Message == "" || !strings.Contains(c.Failure.Text, want.Outcomes[0].Problem)) {
			t.Errorf("case %d: failure %+v", i, c.Failure)
		}
	}
}

// TestJUnitOfAnyText holds that what a name or a message may contain makes no
// XML that cannot be read.
func TestJUnitOfAnyText(t *testing.T) {
	nasty := "a]]>b<&\x01\x1b\ufffe\u2028\"'"
	r := &Report{Files: []FileReport{{Path: nasty, Results: []Result{{
		Name: nasty, Place: nasty, Outcomes: []Outcome{{Cases: []Case{{From: nasty, To: nasty, Protocol: "tcp", Port: 1}}, Problem: nasty}},
	}}}}}
	var b bytes.Buffer
	if err := WriteJUnit(&b, r); err != nil {
		t.Fatal(err)
	}
	var back junitFile
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	if got := back.Suites[0].Cases[0].Failure; !strings.Contains(got.Text, "a]]>b<&") || !strings.Contains(got.Message, "a]]>b<&") {
		t.Errorf("read back: %+v", got)
	}
}
