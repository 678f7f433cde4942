package assertion

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// The JUnit XML that Jenkins, GitLab and GitHub's actions read: a suite a file
// and a testcase a test (https://github.com/testmoapp/junitxml, GitLab: Unit
// test reports). Times are in seconds.
type (
	junitReport struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    string        `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Output  *junitText    `xml:"system-out"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// WriteJUnit writes a report as JUnit XML.
func WriteJUnit(w io.Writer, r *Report) error {
	totals, took := r.Totals(), time.Duration(0)
	out := junitReport{Name: "sgate test"}
	for i := range r.Files {
		took += r.Files[i].took()
		out.Suites = append(out.Suites, junitOf(&r.Files[i]))
	}
	out.junitCounts = counts(totals, took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitOf(f *FileReport) junitSuite {
	suite := junitSuite{
		Name: f.Path, junitCounts: counts(f.totals(), f.took()),
		Timestamp:  f.Began.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{{"against", f.Against}, {"live", fmt.Sprint(f.Live)}},
	}
	for i := range f.Results {
		suite.Cases = append(suite.Cases, junitResult(f.Path, &f.Results[i]))
	}
	return suite
}

func junitResult(path string, r *Result) junitCase {
	c := junitCase{Name: r.Name, Class: path, File: path, Line: line(r.Place), Time: seconds(r.Took)}
	if r.Passed {
		c.Output = &junitText{cdata(passes(r))}
		return c
	}
	first := &r.Outcomes[0]
	c.Failure = &junitFailure{
		Message: sayCases(first.Cases) + ": " + first.Problem, Type: "assertion", Text: cdata(r.Place + "\n" + failures(r)),
	}
	return c
}

func counts(t Totals, took time.Duration) junitCounts {
	return junitCounts{Tests: t.Tests, Failures: t.Failed, Time: seconds(took)}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// cdata replaces the characters that XML cannot have (XML 1.0, section 2.2).
func cdata(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return '\ufffd'
		}
		return r
	}, s)
}

// line returns the line of a place, file:line:column.
func line(place string) string {
	parts := strings.Split(place, ":")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}
