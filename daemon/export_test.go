package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/control"
	"github.com/sgate/sgate/vpc"
)

// TestConfigIsWhatIsInForce asks for the configuration before there is one, after
// changes that no file has, and after one that is refused.
func TestConfigIsWhatIsInForce(t *testing.T) {
	const file = `vpc: {cidr: 10.0.0.0/16}
prefix_lists: [{name: office, max_entries: 9, entries: [{cidr: 203.0.113.0/24}]}]
security_groups: [{name: web}]
`
	cfg, err := config.Parse([]byte(file), config.Source{Path: "f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d, err := New(cfg.Gateway, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	socket, err := control.Listen(filepath.Join(t.TempDir(), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	d.ServeControl(socket)
	client, err := control.NewClient(socket.Path())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var refusal *control.Error
	if text, err := client.Config(ctx); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("before the first: %q, %v, want status 503", text, err)
	}

	apply := func(change func(*vpc.Resources)) {
		t.Helper()
		res := cfg.Resources.Resources()
		change(&res)
		s, err := vpc.New(res)
		if err == nil {
			cfg = cfg.WithResources(s)
			err = d.Apply(ctx, cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ask := func() *config.Config {
		t.Helper()
		text, err := client.Config(ctx)
		if err != nil {
			t.Fatal(err)
		}
		back, err := config.Parse(text, config.Source{Path: "back.yaml"})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return back
	}
	apply(func(*vpc.Resources) {})
	const made = "sg-0123456789abcdef0"
	apply(func(r *vpc.Resources) {
		r.SecurityGroups = append(r.SecurityGroups, vpc.SecurityGroup{ID: made, Name: "made", VPCID: r.VPCs[0].ID})
		r.PrefixLists = slices.Clone(r.PrefixLists)
		r.PrefixLists[0].Entries = append(slices.Clone(r.PrefixLists[0].Entries), vpc.PrefixListEntry{CIDR: r.VPCs[0].CIDR})
	})
	back := ask()
	if g, ok := back.Resources.SecurityGroup(made); !ok || g.Name != "made" {
		t.Errorf("group %s: %+v, want the one that was made beside the file", made, g)
	}
	// The gateway counts the versions of prefix lists.
	if got := back.Resources.PrefixLists()[0].Version; got != 2 {
		t.Errorf("version %d of the prefix list, want 2", got)
	}
	before, _ := client.Config(ctx)
	refused := *cfg
	refused.Endpoints = []config.Endpoint{{Name: "nowhere", ID: "eni-1", Netns: strings.Repeat("x", 20), Device: "eth0"}}
	if err := d.Apply(ctx, &refused); err == nil {
		t.Fatal("a device in no namespace: want it refused")
	}
	if after, err := client.Config(ctx); err != nil || string(after) != string(before) {
		t.Errorf("after a change that was refused: %v\n%s\nwant what was there before:\n%s", err, after, before)
	}
}
