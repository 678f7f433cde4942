package assertion

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/gateway"
	"github.com/sgate/sgate/vpc"
)

// Parse reads the content of the test file called path. What is wrong with it,
// File.Check says.
func Parse(path string, data []byte) *File {
	form := config.Form{Name: "a test file", Least: "tests", Keys: "config and tests"}
	raw, document := config.ReadDocument[rawFile](path, data, form)
	f := &File{Path: path, document: document}
	root := document.Root()
	if raw.Config != "" {
		f.Config = raw.Config
		if !filepath.IsAbs(raw.Config) {
			f.Config = filepath.Join(filepath.Dir(path), raw.Config)
		}
	} else if root.OK("config") {
		root.Misplaced("config", "is empty: want a configuration's path, from this file's folder, or leave it out")
	}
	if len(raw.Tests) == 0 && document.Err() == nil {
		root.Missing("tests", "want a list of them, such as - {from: web, to: db, protocol: tcp, port: 3306, expect: drop}")
	}
	for i := range raw.Tests {
		if at := root.Item("tests", i); !at.Broken() {
			f.Tests = append(f.Tests, readTest(&raw.Tests[i], at))
		}
	}
	f.checkNames()
	f.checkSize()
	return f
}

// RefuseConfig adds that the configuration which the file names cannot be read.
func (f *File) RefuseConfig(err error) {
	f.document.Root().Misplaced("config", "%v: want a configuration's path, from this file's folder", err)
}

// readTest reads one test. A fault leaves its field at a value that causes no
// other one.
func readTest(raw *rawTest, at config.Mapping) Test {
	t := Test{Name: raw.Name, Origin: at.Origin(), VPC: raw.VPC, Rule: raw.Rule, Reason: raw.Reason, at: at}
	t.From = readEnds(at, "from", raw.From)
	t.To = readEnds(at, "to", raw.To)
	if t.readProtocol(raw) {
		t.readService(raw)
		t.readFamilies(raw)
	}
	t.readExpectation(raw)
	for key, value := range map[string]string{"name": raw.Name, "vpc": raw.VPC, "reason": raw.Reason, "rule": raw.Rule} {
		if at.OK(key) && oneLine(value) == "" {
			at.Misplaced(key, "is empty: want a value, or leave it out")
		}
	}
	if strings.ContainsFunc(raw.Name, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		at.Fault("name", 0, raw.Name, "want text without control characters")
	}
	t.Name = cmp.Or(oneLine(raw.Name), t.describe())
	return t
}

// readExpectation reads expect and what may go with it.
func (t *Test) readExpectation(raw *rawTest) {
	t.Expect = Verdict(raw.Expect)
	switch {
	case !t.at.Given("expect"):
		t.at.Missing("expect", "want allow or drop")
	case t.at.OK("expect") && t.Expect != Allow && t.Expect != Drop:
		t.at.Fault("expect", 0, raw.Expect, "want allow or drop")
	case t.Expect == Allow && raw.Reason != "":
		t.at.Misplaced("reason", "goes with expect: drop only; which rule must admit the packet is the key rule")
	case t.Expect == Drop && raw.Rule != "":
		t.at.Misplaced("rule", "goes with expect: allow only: no rule drops a packet; why it is dropped is the key reason")
	case raw.Reason != "" && !slices.Contains(dropReasons(), raw.Reason):
		t.at.Fault("reason", 0, raw.Reason, "there is no such reason for a drop: %s", config.Hint(raw.Reason, dropReasons()))
	}
}

// dropReasons lists the data path's reasons for drops, those that rules, ACLs
// and routes give first.
func dropReasons() []string {
	var first, rest []string
	for r := range gateway.Reason(gateway.Reasons) {
		switch {
		case !r.IsDrop():
		case r >= gateway.ReasonNoEgressRule:
			first = append(first, r.String())
		default:
			rest = append(rest, r.String())
		}
	}
	return append(first, rest...)
}

// checkNames refuses two tests of one name: a report could not tell them apart.
func (f *File) checkNames() {
	first := make(map[string]vpc.Origin)
	for i := range f.Tests {
		t := &f.Tests[i]
		if t.Name == "" {
			continue
		}
		if at, twice := first[t.Name]; twice {
			t.at.Note("is called %q, as is the one at %s: give one of them another name, or take it out", t.Name, at)
			continue
		}
		first[t.Name] = t.Origin
	}
}

// checkSize refuses the test with which the cases become too many.
func (f *File) checkSize() {
	total := 0
	for i := range f.Tests {
		t := &f.Tests[i]
		n := t.count()
		if total+n > MaxCases {
			t.at.Note("with it the file comes to more than %d cases, from x to x family x port: try some ports of a range, "+
				"such as its first and its last, or make two files of this one", MaxCases)
			return
		}
		total += n
	}
}

// describe makes a name of what a test asserts: "web to db, db-2: tcp 3306".
func (t *Test) describe() string {
	if len(t.From) == 0 || len(t.To) == 0 || t.Protocol == vpc.AllProtocols || t.Protocol.HasPorts() && len(t.Ports) == 0 {
		return ""
	}
	c := t.packet(strings.Join(t.From, ", "), strings.Join(t.To, ", "), t.ipv6 == onlyIPv6)
	s := c.String()
	if t.Protocol.HasPorts() {
		var ports []string
		for _, p := range t.Ports {
			ports = append(ports, p.String())
		}
		s = strings.Replace(s, "protocol "+c.Protocol, c.Protocol+" "+strings.Join(ports, ", "), 1)
	}
	if t.ipv6 == bothFamilies {
		s += ", IPv4 and IPv6"
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// number reads a number within bounds from the i-th value of a key.
func number(at config.Mapping, key, value string, low, high int) (int, bool) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high || strconv.Itoa(n) != value {
		at.Fault(key, 0, value, "want a number from %d to %d", low, high)
		return 0, false
	}
	return n, true
}
