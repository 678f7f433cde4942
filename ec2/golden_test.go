package ec2

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exchange is a request and its answer.
type exchange struct {
	Action   string   `json:"action"`
	Status   int      `json:"status"`
	Document string   `json:"document"`
	Drop     []string `json:"drop"` // names of elements that older models do not have
	form     url.Values
}

// conversation is a client's talk with an endpoint, all of it.
type conversation struct {
	*world
	exchanges []exchange
}

// ask sends a request, of names and values in turn, which may be refused, and
// returns the answer.
func (c *conversation) ask(action string, params ...string) *element {
	c.t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	sent := maps.Clone(form)
	status, document := c.endpoint.answer(&caller{ctx: context.Background()}, form, "11111111-2222-3333-4444-555555555555")
	c.exchanges = append(c.exchanges, exchange{action, status, string(document), nil, sent})
	root := new(element)
	if err := xml.Unmarshal(document, root); err != nil {
		c.t.Fatalf("%s: %v in %s", action, err, document)
	}
	return root
}

// do sends a request that has to succeed.
func (c *conversation) do(action string, params ...string) *element {
	c.t.Helper()
	root := c.ask(action, params...)
	if last := c.exchanges[len(c.exchanges)-1]; last.Status != 200 {
		c.t.Fatalf("%s %q: %s", action, params, last.Document)
	}
	return root
}

// TestGolden holds a talk in which every action occurs. Requests and answers stand
// in testdata/golden, with what botocore reads of each answer; SGATE_UPDATE=1 writes
// them anew. Nothing of an answer may be unknown to botocore's model, or of
// another type.
func TestGolden(t *testing.T) {
	c := &conversation{world: newWorld(t, conversationFile)}
	c.talk()
	met := make(map[string]bool)
	for i := range c.exchanges {
		x := &c.exchanges[i]
		met[x.Action] = true
		x.Drop = newerElements()
	}
	for _, a := range allActions() {
		if !met[a.name] {
			t.Errorf("%s does not occur", a.name)
		}
	}
	all := pythons(t)
	slices.Reverse(all) // the newest writes the files
	for i, python := range all {
		t.Run(python.version, func(t *testing.T) {
			c.check(t, python, i == 0 && os.Getenv("SGATE_UPDATE") != "")
		})
	}
}

// newerElements lists what is left out of answers before they are read, as what is
// read of it depends on the version.
func newerElements() []string {
	var out []string
	for _, key := range newer {
		if !strings.Contains(key, " ") {
			out = append(out, key)
		}
	}
	return out
}

// readOtherwise reports whether older botocores read an action's answer otherwise.
func readOtherwise(action string) bool {
	for _, key := range newer {
		if name, rest, more := strings.Cut(key, " "); name == action && (!more || strings.HasPrefix(rest, "answer ")) {
			return true
		}
	}
	return false
}

// check lets a botocore read the answers.
func (c *conversation) check(t *testing.T, python botocore, update bool) {
	t.Helper()
	var result struct {
		Answers []struct {
			Parsed      json.RawMessage
			RequestID   string `json:"requestId"`
			Differences []difference
		}
	}
	python.run(t, "answers", c.exchanges, &result)
	files := make(map[string]*bytes.Buffer)
	for i, a := range result.Answers {
		x := c.exchanges[i]
		python.check(t, a.Differences, false)
		if a.RequestID != "11111111-2222-3333-4444-555555555555" && string(a.Parsed) != "null" {
			t.Errorf("%s: the request's id is %q", x.Action, a.RequestID)
		}
		if files[x.Action] == nil {
			files[x.Action] = new(bytes.Buffer)
		}
		x.print(files[x.Action], a.Parsed)
	}
	for action, text := range files {
		path := filepath.Join("testdata/golden", action+".txt")
		if update {
			if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := text.String()
		if compareVersions(python.version, complete) < 0 && readOtherwise(action) {
			continue
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-file +now):\n%s", path, diff)
		}
	}
}

// print writes an exchange as the files have it.
func (x exchange) print(b *bytes.Buffer, parsed json.RawMessage) {
	fmt.Fprintln(b, "-- request --")
	for _, name := range slices.Sorted(maps.Keys(x.form)) {
		fmt.Fprintf(b, "%s=%s\n", name, x.form.Get(name))
	}
	fmt.Fprintf(b, "-- answer: %d --\n%s", x.Status, strings.ReplaceAll(x.Document, "><", ">\n<"))
	fmt.Fprintln(b, "-- read --")
	_ = json.Indent(b, parsed, "", "  ") // it has been read as JSON before
	b.WriteString("\n\n")
}
