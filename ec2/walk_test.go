package ec2

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/export"
	"github.com/sgate/sgate/store"
	"github.com/sgate/sgate/vpc"
)

// walkFile declares something of every kind.
const walkFile = `
account: {id: "123456789012"}
vpc: {name: main, cidr: 172.31.0.0/16, ipv6_cidr: fd00:31::/56, default: true}
subnets:
  - {name: a, cidr: 172.31.0.0/20, ipv6_cidr: fd00:31:0:1::/64, default_for_az: true, availability_zone: us-east-1a}
  - {name: b, cidr: 172.31.16.0/20, availability_zone: us-east-1b, default_for_az: true}
  - {name: closed, cidr: 172.31.32.0/20, availability_zone: us-east-1c}
prefix_lists: [{name: office, max_entries: 3, entries: [{cidr: 203.0.113.0/24}]}]
security_groups:
  - {name: declared, ingress: [{type: SSH, source: office}]}
  - {name: other, tags: [{key: team, value: file}]}
network_acls: [{name: closed, subnets: [closed], ingress: [{number: 100, protocol: -1, action: allow, source: 0.0.0.0/0}]}]
instances:
  - {name: open, subnet: a, address: 172.31.0.10}
  - {name: stated, subnet: b, address: 172.31.16.10, security_groups: [declared], tags: [{key: team, value: file}]}
hosts: [{name: laptop, address: 203.0.113.10}]
`

// fileChanges are what is done to the file now and then: "what=>what instead".
var fileChanges = []string{
	"  - {name: open, subnet: a, address: 172.31.0.10}\n=>",
	"  - {name: other, tags: [{key: team, value: file}]}\n=>",
	", subnets: [closed],=>, subnets: [],",
	"name: open, subnet: a=>name: open, security_groups: [other], subnet: a",
	"tags: [{key: team, value: file}]=>",
	"172.31.0.10=>172.31.0.20",
	"vpc: {name: main=>vpc: {name: elsewhere",
	"max_entries: 3=>max_entries: 2",
	"security_groups:\n=>security_groups:\n  - {name: n1}\n  - {name: default, ingress: []}\n",
}

// walker sends random requests to an endpoint with a state file.
type walker struct {
	*world
	*rand.Rand
	path     string
	files    []*config.Config
	file     *config.Config // in force
	declared vpc.Resources  // as they stood when the file came into force
	ids      []string       // whatever has been seen in an answer
}

func newWalker(t *testing.T, seed uint64) *walker {
	t.Helper()
	w := &walker{
		world: &world{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)},
		Rand:  rand.New(rand.NewPCG(seed, 1)), path: filepath.Join(t.TempDir(), "state.db"),
	}
	for _, change := range append([]string{""}, fileChanges...) {
		was, is, _ := strings.Cut(change, "=>")
		cfg, err := config.Parse([]byte(strings.Replace(walkFile, was, is, 1)), config.Source{Path: "lab.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		w.files = append(w.files, cfg)
	}
	w.file = w.files[0]
	w.start()
	t.Cleanup(func() { w.store.Close() })
	for _, describe := range []string{"Vpcs", "Subnets", "SecurityGroups", "SecurityGroupRules", "NetworkInterfaces", "Instances", "NetworkAcls", "ManagedPrefixLists"} {
		w.collect(w.do("Describe" + describe))
	}
	return w
}

// start opens the state anew, with the file in force.
func (w *walker) start() {
	w.t.Helper()
	s, err := store.Open(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
	if err := w.reload(w.file); err != nil {
		w.t.Fatalf("the state does not go with the file that it was made beside: %v", err)
	}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.IntN(256))
	}
	w.endpoint = New(Options{
		Store:  s,
		Place:  func() Place { return Place{"123456789012", "us-east-1", "use1-az1"} },
		Images: func() []Image { return []Image{{"ami-netns", "netns"}} },
		Clock:  func() time.Time { return w.now },
		Random: rand.NewChaCha8(seed),
		Log:    slog.New(slog.DiscardHandler),
	})
}

// reload declares a file.
func (w *walker) reload(file *config.Config) error {
	err := w.store.Declare(context.Background(), store.Declaration{Resources: file.Declared}, func(context.Context, *store.View) error { return nil })
	if err == nil {
		w.file, w.declared = file, w.store.View().Resources()
	}
	return err
}

// TestRandomRequests walks through random requests. None may end in a panic, an
// internal error, a document that is no XML, or another state of what the file
// declares; and whatever they made must be the same after the file is read again,
// and after a restart.
func TestRandomRequests(t *testing.T) {
	templates := strings.Split(strings.TrimSpace(templates), "\n")
	for seed := range uint64(walkSeeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w, succeeded := newWalker(t, seed), 0
			for step := range walkSteps {
				template := templates[w.IntN(len(templates))]
				if w.step(w.request(template)) {
					succeeded++
				}
				if step%50 == 49 {
					w.sameAgain()
				}
				if t.Failed() {
					return
				}
			}
			if succeeded < walkSteps/4 {
				t.Errorf("%d of %d requests succeeded: they walk nowhere", succeeded, walkSteps)
			}
		})
	}
}

const (
	walkSeeds = 3
	walkSteps = 1000
)

// step sends one request and reports whether it succeeded.
func (w *walker) step(form url.Values) bool {
	w.t.Helper()
	defer func() {
		if p := recover(); p != nil {
			w.t.Fatalf("%v: panic: %v", form, p)
		}
	}()
	w.now = w.now.Add(time.Duration(w.IntN(120)) * time.Second)
	status, document := w.endpoint.answer(&caller{ctx: context.Background()}, form, "req-1")
	root := new(element)
	if err := xml.Unmarshal(document, root); err != nil {
		w.t.Errorf("%v: %v in %s", form, err, document)
	}
	if status >= 500 {
		w.t.Errorf("%v: %s", form, document)
	}
	w.collect(root)
	w.declaredStays(form)
	return status == 200
}

// collect notes the ids of an answer.
func (w *walker) collect(e *element) {
	if idForm.MatchString(e.Text) && !slices.Contains(w.ids, e.Text) {
		w.ids = append(w.ids, e.Text)
	}
	for i := range e.Below {
		w.collect(&e.Below[i])
	}
}

var idForm = regexp.MustCompile(`^[a-z-]+-[0-9a-f]{17}$`)

func prefixOf(id string) string { return id[:strings.LastIndexByte(id, '-')] }

// declaredStays holds what the file declares against how it stood.
func (w *walker) declaredStays(form url.Values) {
	w.t.Helper()
	v := w.store.View()
	for _, want := range w.declared.SecurityGroups {
		if got, _ := v.SecurityGroup(want.ID); v.Declared(want.ID) && !reflect.DeepEqual(got, want) {
			w.t.Errorf("%v: a declared group is %+v", form, got)
		}
	}
	for _, want := range w.declared.Interfaces {
		if !v.Declared(want.ID) {
			continue
		}
		got, _ := v.Interface(want.ID)
		if want.Name == "open" {
			got.GroupIDs = want.GroupIDs
		}
		if !reflect.DeepEqual(got, want) {
			w.t.Errorf("%v: a declared interface is %+v, want %+v", form, got, want)
		}
	}
	same(w, form, w.declared.VPCs, v.VPC, func(x *vpc.VPC) string { return x.ID })
	same(w, form, w.declared.Subnets, v.Subnet, func(x *vpc.Subnet) string { return x.ID })
	same(w, form, w.declared.PrefixLists, v.PrefixList, func(x *vpc.PrefixList) string { return x.ID })
	same(w, form, w.declared.NetworkACLs, v.NetworkACL, func(x *vpc.NetworkACL) string { return x.ID })
	same(w, form, w.declared.Instances, v.Instance, func(x *vpc.Instance) string { return x.ID })
	for _, want := range w.file.Declared.Tags {
		if got, _ := v.TagSet(want.ResourceID); !reflect.DeepEqual(got, want) {
			w.t.Errorf("%v: the tags of %s are %v", form, want.ResourceID, got)
		}
	}
}

func same[T any](w *walker, form url.Values, declared []T, find func(string) (T, bool), idOf func(*T) string) {
	w.t.Helper()
	for i := range declared {
		if got, _ := find(idOf(&declared[i])); w.store.View().Declared(idOf(&declared[i])) && !reflect.DeepEqual(got, declared[i]) {
			w.t.Errorf("%v: declared is %+v, and it is now %+v", form, declared[i], got)
		}
	}
}

// sameAgain tries another file, reads the one that is in force again, and then
// restarts.
func (w *walker) sameAgain() {
	w.t.Helper()
	before := sorted(w.store.View())
	var conflict *store.ConflictError
	switch err := w.reload(w.files[w.IntN(len(w.files))]); {
	case err == nil:
		before = sorted(w.store.View())
	case !errors.As(err, &conflict):
		w.t.Errorf("another file: %v", err)
	}
	if err := w.reload(w.file); err != nil {
		w.t.Fatalf("the file that is in force is refused: %v", err)
	}
	if d := diffOf(before, sorted(w.store.View())); d != "" {
		w.t.Errorf("after the file was read again:\n%s", d)
	}
	w.exported()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
	if d := diffOf(before, sorted(w.store.View())); d != "" {
		w.t.Errorf("after a restart:\n%s", d)
	}
}

// exported writes what is in force as a file, which has to read back as the same.
func (w *walker) exported() {
	w.t.Helper()
	text := export.YAML(w.file.WithResources(w.store.View().Snapshot))
	cfg, err := config.Parse(text, config.Source{Path: "exported.yaml"})
	if err != nil {
		w.t.Errorf("exported, it cannot be read: %v in\n%s", err, text)
		return
	}
	if d := cmp.Diff(string(text), string(export.YAML(cfg))); d != "" {
		w.t.Errorf("exported, read and exported again:\n%s", d)
	}
}

// sorted returns resources in an order that does not tell when they came.
func sorted(v *store.View) vpc.Resources {
	r := v.Resources()
	byID(r.VPCs, func(x *vpc.VPC) string { return x.ID })
	byID(r.Subnets, func(x *vpc.Subnet) string { return x.ID })
	byID(r.SecurityGroups, func(x *vpc.SecurityGroup) string { return x.ID })
	byID(r.PrefixLists, func(x *vpc.PrefixList) string { return x.ID })
	byID(r.NetworkACLs, func(x *vpc.NetworkACL) string { return x.ID })
	for i := range r.NetworkACLs {
		r.NetworkACLs[i].SubnetIDs = slices.Sorted(slices.Values(r.NetworkACLs[i].SubnetIDs))
	}
	byID(r.Interfaces, func(x *vpc.NetworkInterface) string { return x.ID })
	byID(r.Instances, func(x *vpc.Instance) string { return x.ID })
	byID(r.Tags, func(x *vpc.TagSet) string { return x.ResourceID })
	return r
}

func byID[T any](items []T, idOf func(*T) string) {
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(idOf(&a), idOf(&b)) })
}

func diffOf(a, b vpc.Resources) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y }), cmp.Comparer(func(x, y netip.Addr) bool { return x == y }))
}
