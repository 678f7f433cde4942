package metrics

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// told is a metric as a scrape or a page has it.
type told struct {
	kind   string   // counter, gauge or histogram
	labels []string // sorted
}

// whose are the labels that an interface's series have, as the page says it.
var whose = []string{"interface_id", "name", "vpc"}

// scraped returns the metrics of a gateway where every fate of packets has come
// up.
func scraped(t *testing.T) map[string]told {
	t.Helper()
	families, err := New(withTraffic(t).g, Options{}).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]told)
	for _, f := range families {
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		all[f.GetName()] = told{strings.ToLower(f.GetType().String()), labels}
	}
	return all
}

// TestMetricsPage holds docs/metrics.md to the scrape: names, types and labels.
func TestMetricsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]told)
	for _, row := range regexp.MustCompile("(?m)^\\| `(sgate_[a-z_]+)` \\| (\\w+) \\|[^|]*\\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		var labels []string
		if strings.Contains(row[3], "whose") {
			labels = slices.Clone(whose)
		}
		for _, l := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		said[row[1]] = told{row[2], labels}
	}
	want := scraped(t)
	maps.DeleteFunc(want, func(name string, _ told) bool { return !strings.HasPrefix(name, "sgate_") })
	if diff := cmp.Diff(want, said, cmp.AllowUnexported(told{})); diff != "" {
		t.Errorf("docs/metrics.md (-scrape +page):\n%s", diff)
	}
	wantNames(t, "docs/metrics.md", string(page))
}

var (
	aMetric = regexp.MustCompile(`\b(?:sgate|go|process)_[a-z0-9_]+\b`)
	aSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// wantNames checks that each metric which a text names is in a scrape.
func wantNames(t *testing.T, where, text string) (names []string) {
	t.Helper()
	there := scraped(t)
	for _, name := range aMetric.FindAllString(text, -1) {
		base := aSuffix.ReplaceAllString(name, "")
		_, is := there[name]
		if histogram := there[base]; !is && histogram.kind != "histogram" {
			t.Errorf("%s names %s, which no scrape has", where, name)
		}
		if !is {
			name = base
		}
		names = append(names, name)
	}
	return names
}

// TestDashboard holds configs/grafana-dashboard.json to the scrape, and to what
// Grafana asks of a dashboard that is imported.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../configs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	type query struct {
		Expr       string `json:"expr"`
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
	}
	var d struct {
		UID, Title    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []query
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
		t.Errorf("uid %q, title %q, schemaVersion %d", d.UID, d.Title, d.SchemaVersion)
	}
	variables, queries := make(map[string]string), ""
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		queries += v.Definition + "\n"
	}
	if variables["datasource"] != "datasource" {
		t.Errorf("no variable chooses the Prometheus: %v", variables)
	}
	ids := make(map[int]string)
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("panels %q and %q have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		if p.GridPos.W < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q does not fit the grid", p.Title)
		}
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %q, a %s, has %d queries", p.Title, p.Type, len(p.Targets))
		}
		for _, q := range p.Targets {
			queries += q.Expr + "\n"
			if q.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: its query is for the datasource %q", p.Title, q.Datasource.UID)
			}
		}
	}
	checkVariables(t, queries, variables)
	named := wantNames(t, "the dashboard", queries)
	for name := range scraped(t) {
		if strings.HasPrefix(name, "sgate_") && !slices.Contains(named, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// checkVariables checks that queries use no other variables than the dashboard's
// and Grafana's own.
func checkVariables(t *testing.T, queries string, known map[string]string) {
	t.Helper()
	for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(queries, -1) {
		if _, is := known[v[1]]; !is && !strings.HasPrefix(v[1], "__") {
			t.Errorf("a query uses $%s, which the dashboard does not have", v[1])
		}
	}
}

// TestExamplesInThePage holds that the page's examples are YAML.
func TestExamplesInThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) == 0 {
		t.Error("there are none")
	}
	for _, e := range examples {
		var value map[string]any
		if err := yaml.Unmarshal([]byte(e[1]), &value); err != nil {
			t.Errorf("%v in:\n%s", err, e[1])
		}
	}
}
