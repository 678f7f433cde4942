package ec2

import (
	"context"
	"encoding/xml"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/store"
)

// world is an endpoint over a store, with a clock that stands and random ids that
// come again in every run.
type world struct {
	t        testing.TB
	store    *store.Store
	endpoint *Endpoint
	now      time.Time
	applied  int   // how often something was put in force
	refuse   error // what putting in force is to fail with
}

// newWorld makes a world whose file declares what the YAML says.
func newWorld(t testing.TB, file string) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	w.declare(file)
	random := rand.NewChaCha8([32]byte{1})
	w.endpoint = New(Options{
		Store:  s,
		Place:  func() Place { return Place{"123456789012", "us-east-1", "use1-az1"} },
		Images: func() []Image { return []Image{{"ami-netns", "netns"}, {"ami-web", "web"}} },
		Clock:  func() time.Time { return w.now },
		Random: random,
		Log:    slog.New(slog.DiscardHandler),
	})
	return w
}

// declare puts another file in force.
func (w *world) declare(file string) {
	w.t.Helper()
	cfg, err := config.Parse([]byte(file), config.Source{Path: "lab.yaml"})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.store.Declare(context.Background(), store.Declaration{Resources: cfg.Declared}, func(context.Context, *store.View) error {
		w.applied++
		return w.refuse
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// try sends a request, of names and values in turn, and returns the answer's
// status and document.
func (w *world) try(action string, params ...string) (int, *element) {
	w.t.Helper()
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	status, document := w.endpoint.answer(&caller{ctx: context.Background()}, form, "req-1")
	root := new(element)
	if err := xml.Unmarshal(document, root); err != nil {
		w.t.Fatalf("%s: %v in %s", action, err, document)
	}
	return status, root
}

// do sends a request that has to succeed and returns the answer.
func (w *world) do(action string, params ...string) *element {
	w.t.Helper()
	status, root := w.try(action, params...)
	if status != 200 {
		w.t.Fatalf("%s %q: %d %s: %s", action, params, status, root.get("Errors.Error.Code"), root.get("Errors.Error.Message"))
	}
	return root
}

// refused sends a request that has to be refused with that code and, unless that
// is "", message.
func (w *world) refused(code, message, action string, params ...string) {
	w.t.Helper()
	before := w.applied
	status, root := w.try(action, params...)
	gotCode, gotMessage := root.get("Errors.Error.Code"), root.get("Errors.Error.Message")
	if status == 200 || gotCode != code || message != "" && gotMessage != message {
		w.t.Errorf("%s %q: status %d, %s: %q, want %s: %q", action, params, status, gotCode, gotMessage, code, message)
	}
	if w.applied != before && w.refuse == nil {
		w.t.Errorf("%s %q was refused, and something was put in force", action, params)
	}
}

// element is any XML element.
type element struct {
	XMLName xml.Name
	Text    string    `xml:",chardata"`
	Below   []element `xml:",any"`
}

// all returns the elements at a path such as "securityGroupInfo.item.groupId".
func (e *element) all(path string) []*element {
	name, rest, more := strings.Cut(path, ".")
	var out []*element
	for i := range e.Below {
		if b := &e.Below[i]; b.XMLName.Local == name {
			if more {
				out = append(out, b.all(rest)...)
			} else {
				out = append(out, b)
			}
		}
	}
	return out
}

// get returns the text of the only element at a path, or "" if there is none.
func (e *element) get(path string) string {
	if all := e.all(path); len(all) == 1 {
		return strings.TrimSpace(all[0].Text)
	}
	return ""
}

// texts returns the text of every element at a path.
func (e *element) texts(path string) []string {
	var out []string
	for _, x := range e.all(path) {
		out = append(out, strings.TrimSpace(x.Text))
	}
	return out
}

func TestRegions(t *testing.T) {
	w := newWorld(t, "vpc: {cidr: 10.0.0.0/16}\n")
	if got := w.do("DescribeRegions").get("regionInfo.item.regionName"); got != "us-east-1" {
		t.Errorf("the Region is %q", got)
	}
	if got := w.do("DescribeRegions", "Filter.1.Name", "region-name", "Filter.1.Value.1", "eu-*").texts("regionInfo.item.regionName"); got != nil {
		t.Errorf("in Europe: %q", got)
	}
	w.refused("InvalidParameterValue", "The filter 'colour' is invalid", "DescribeRegions", "Filter.1.Name", "colour", "Filter.1.Value.1", "red")
	w.refused("UnknownParameter", "The parameter Colour is not recognized", "DescribeRegions", "Colour", "red")
	w.refused("InvalidAction", "The action DescribeWeather is not valid for this web service.", "DescribeWeather")
	w.refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", "DescribeRegions", "DryRun", "true")
}
