package export

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/flowlog/record"
	"github.com/sgate/sgate/vpc"
)

// readBack parses what was written.
func readBack(t interface {
	Helper()
	Fatalf(string, ...any)
}, cfg *config.Config) *config.Config {
	t.Helper()
	text := YAML(cfg)
	back, err := config.Parse(text, config.Source{Path: cfg.Path})
	if err != nil {
		t.Fatalf("what was written does not read back: %v\n%s", err, text)
	}
	return back
}

// sorted returns a snapshot's resources in an order of their own. What is there
// without being written, default groups and default network ACLs as AWS makes
// them, is written for some and not for others: so it is for all.
func sorted(s *vpc.Snapshot) vpc.Resources {
	r := s.Resources()
	for _, v := range r.VPCs {
		if !slices.ContainsFunc(r.NetworkACLs, func(a vpc.NetworkACL) bool { return a.Default && a.VPCID == v.ID }) {
			r.NetworkACLs = append(r.NetworkACLs, vpc.DefaultNetworkACL(v))
		}
	}
	r.Instances = slices.DeleteFunc(r.Instances, func(in vpc.Instance) bool { return in.State == vpc.Terminated })
	again, err := vpc.New(r) // gives the default ACLs their subnets
	if err != nil {
		panic(err)
	}
	r = again.Resources()
	sort(r.VPCs, func(v vpc.VPC) string { return v.ID })
	sort(r.Subnets, func(n vpc.Subnet) string { return n.ID })
	sort(r.SecurityGroups, func(g vpc.SecurityGroup) string { return g.ID })
	sort(r.PrefixLists, func(l vpc.PrefixList) string { return l.ID })
	sort(r.NetworkACLs, func(a vpc.NetworkACL) string { return a.ID })
	sort(r.Interfaces, func(n vpc.NetworkInterface) string { return n.ID })
	sort(r.Instances, func(in vpc.Instance) string { return in.ID })
	sort(r.Hosts, func(h vpc.Host) string { return h.ID })
	sort(r.Tags, func(t vpc.TagSet) string { return t.ResourceID })
	return r
}

func sort[T any](items []T, id func(T) string) {
	slices.SortFunc(items, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
}

// alike compares what is not where it was declared.
var alike = gocmp.Options{
	cmpopts.IgnoreTypes(vpc.Origin{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty(),
	gocmp.Comparer(func(a, b record.Format) bool { return a.String() == b.String() }),
}

func TestExamplesReadBack(t *testing.T) {
	paths, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d examples, error %v", len(paths), err)
	}
	for _, path := range paths {
		if match, _ := filepath.Match("*.test.yaml", filepath.Base(path)); match {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, err := config.Load(config.Source{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if os.Getenv("SHOW") != "" {
				t.Logf("%s", YAML(cfg))
			}
			back := readBack(t, cfg)
			if diff := gocmp.Diff(sorted(cfg.Resources), sorted(back.Resources), alike); diff != "" {
				t.Errorf("resources (-was +read back):\n%s", diff)
			}
			if diff := gocmp.Diff(cfg.Endpoints, back.Endpoints, alike); diff != "" {
				t.Errorf("endpoints (-were +read back):\n%s", diff)
			}
			if cfg.Gateway != back.Gateway || cfg.Account != back.Account {
				t.Errorf("settings: %+v %+v, want %+v %+v", back.Gateway, back.Account, cfg.Gateway, cfg.Account)
			}
			if got, want := len(back.Silences), len(cfg.Silences); got != want {
				t.Errorf("%d silences, want %d", got, want)
			}
			if first, second := YAML(cfg), YAML(back); string(first) != string(second) {
				t.Errorf("written again it differs:\n%s", gocmp.Diff(string(first), string(second)))
			}
		})
	}
}

// TestAnythingReadsBack holds that whatever resources there are, the file that is
// written makes the same.
func TestAnythingReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw(t)
		back := readBack(t, cfg)
		if diff := gocmp.Diff(sorted(cfg.Resources), sorted(back.Resources), alike); diff != "" {
			t.Fatalf("resources (-were +read back):\n%s\n%s", diff, YAML(cfg))
		}
		again := *back
		if first, second := YAML(&again), YAML(readBack(t, back)); string(first) != string(second) {
			t.Fatalf("written again it differs:\n%s", gocmp.Diff(string(first), string(second)))
		}
	})
}
