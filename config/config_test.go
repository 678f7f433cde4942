package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sgate/sgate/configs"
	"github.com/sgate/sgate/vpc"
)

// parse reads text as the file f.yaml, with nothing in the environment.
func parse(text string) (*Config, error) {
	return Parse([]byte(text), Source{Path: "f.yaml"})
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := parse(text)
	if err != nil {
		t.Fatalf("refused:\n%v\n%s", err, text)
	}
	return cfg
}

// lines returns the joined error's lines, or nil.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestExamplesLoad(t *testing.T) {
	names := configs.Configurations()
	if len(names) < 5 {
		t.Fatalf("found the examples %v", names)
	}
	for _, name := range names {
		path := "../configs/" + name
		cfg, err := Load(Source{Path: path})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if cfg.Path != path || cfg.Resources == nil || len(cfg.Endpoints) == 0 {
			t.Errorf("%s: path %q, resources %v, %d endpoints", path, cfg.Path, cfg.Resources != nil, len(cfg.Endpoints))
		}
	}
}

// fullExample shows every part of the format that README describes.
const fullExample = `gateway:
  mtu: 9001
  log: {level: info, format: text}
  conntrack: {max_flows: 1048576}
vpc: {cidr: 10.0.0.0/16, ipv6_cidr: fd00:10::/56}
subnets:
  - {name: public, cidr: 10.0.1.0/24, ipv6_cidr: fd00:10:0:1::/64}
security_groups:
  - {name: load-balancer}
  - name: web
    description: Web tier
    ingress:
      - {type: HTTPS, source: 0.0.0.0/0, description: Public HTTPS}
      - {protocol: tcp, port_range: 8000-8100, source: load-balancer, description: from the load balancer}
      - {protocol: icmp, icmp_type: 8, source: 10.0.0.0/16}
      - {type: SSH, source: office}
      - {type: HTTP, source: ::/0}
    egress: []
prefix_lists:
  - {name: office, entries: [{cidr: 203.0.113.0/24, description: HQ}]}
instances:
  - name: web
    subnet: public
    address: 10.0.1.10
    ipv6_address: fd00:10:0:1::10
    security_groups: [web]
    source_dest_check: true
    connection_tracking: {tcp_established_timeout: 350}
    command: [python3, -m, http.server, "443"]
hosts:
  - {name: laptop, address: 203.0.113.10}
network_acls:
  - name: edge
    subnets: [public]
    ingress:
      - {number: 90, action: deny, protocol: -1, source: 198.51.100.0/24}
      - {number: 100, action: allow, protocol: tcp, port_range: 443, source: 0.0.0.0/0}
    egress:
      - {number: 100, action: allow, protocol: tcp, port_range: 1024-65535, destination: 0.0.0.0/0}
quotas: {rules_per_security_group: 100}
`

func TestFullExample(t *testing.T) {
	cfg := mustParse(t, fullExample)
	web, _ := cfg.Resources.SecurityGroup(vpc.NewID("sg", vpc.NewID("vpc", "main"), "web"))
	var got []string
	for _, r := range web.Ingress {
		got = append(got, r.Origin.String()+" "+r.String())
	}
	want := []string{
		"f.yaml:13:9 peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW",
		"f.yaml:14:9 peer: " + vpc.NewID("sg", web.VPCID, "load-balancer") + ", TCP, from port: 8000, to port: 8100, ALLOW",
		"f.yaml:15:9 peer: 10.0.0.0/16, ICMP, type: 8, code: -1, ALLOW",
		"f.yaml:16:9 peer: " + vpc.NewID("pl", "office") + ", TCP, from port: 22, to port: 22, ALLOW",
		"f.yaml:17:9 peer: ::/0, TCP, from port: 80, to port: 80, ALLOW",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ingress (-want +got):\n%s", diff)
	}
	if len(web.Egress) != 0 {
		t.Errorf("egress: [] gave %d rules", len(web.Egress))
	}
	if got := cfg.Endpoints[0].Command; !cmp.Equal(got, []string{"python3", "-m", "http.server", "443"}) {
		t.Errorf("command %q", got)
	}
}

// ids returns the ids of everything in a configuration by kind and name.
func ids(cfg *Config) map[string]string {
	out := make(map[string]string)
	s := cfg.Resources
	for _, v := range s.VPCs() {
		out["vpc "+v.Name] = v.ID
	}
	for _, n := range s.Subnets() {
		out["subnet "+n.Name] = n.ID
	}
	for _, l := range s.PrefixLists() {
		out["list "+l.Name] = l.ID
	}
	for _, a := range s.NetworkACLs() {
		out["acl "+a.Name] = a.ID
	}
	for _, g := range s.SecurityGroups() {
		out["group "+g.Name] = g.ID
		for _, r := range append(g.Ingress, g.Egress...) {
			out["rule "+g.Name+" "+r.Direction.String()+" "+r.String()] = r.ID
		}
	}
	for _, e := range cfg.Endpoints {
		out["endpoint "+e.Name] = e.ID
	}
	return out
}

func TestSameFileGivesSameIDs(t *testing.T) {
	const head = "vpc: {cidr: 10.0.0.0/16}\n"
	a := mustParse(t, head+`subnets: [{name: a, cidr: 10.0.1.0/24}, {name: b, cidr: 10.0.2.0/24}]
security_groups:
  - {name: x, ingress: [{type: SSH, source: y}, {type: HTTP, source: list}]}
  - {name: y, egress: []}
prefix_lists: [{name: list, entries: [{cidr: 192.0.2.0/24}]}, {name: unused}]
instances: [{name: i, subnet: a, address: 10.0.1.10}, {name: j, subnet: b, address: 10.0.2.10}]
network_acls: [{name: n}, {name: m, subnets: [a]}]
`)
	b := mustParse(t, `network_acls: [{name: m, subnets: [a]}, {name: n}]
instances: [{name: j, subnet: b, address: 10.0.2.10}, {name: i, subnet: a, address: 10.0.1.10}]
prefix_lists: [{name: unused}, {name: list, entries: [{cidr: 192.0.2.0/24}]}]
security_groups:
  - {name: y, egress: []}
  - {name: x, ingress: [{type: HTTP, source: list}, {type: SSH, source: y}]}
subnets: [{name: b, cidr: 10.0.2.0/24}, {name: a, cidr: 10.0.1.0/24}]
`+head)
	if diff := cmp.Diff(ids(a), ids(b)); diff != "" {
		t.Errorf("ids depend on the order (-one +other):\n%s", diff)
	}
	if len(ids(a)) < 16 {
		t.Errorf("compared only %d ids", len(ids(a)))
	}
}

func TestLoadReportsFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(Source{Path: filepath.Join(dir, "none.yaml")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(Source{}); err == nil {
		t.Error("no path: no error")
	}
	if _, err := Load(Source{Path: dir}); err == nil {
		t.Error("a folder: no error")
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#", maxFileSize+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	want := large + ": is larger than 16 MiB, which no configuration is"
	if _, err := Load(Source{Path: large}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
