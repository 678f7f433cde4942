package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sgate/sgate/vpc"
)

func TestImages(t *testing.T) {
	cfg := mustParse(t, onlyVPC+`images:
  - {id: ami-web, name: Web server, command: [sgate, listen, 443, udp/53]}
  - {id: ami-0123456789abcdef0}
`)
	at := func(line int) vpc.Origin { return vpc.Origin{File: "f.yaml", Line: line, Column: 5} }
	want := []Image{
		{ID: "ami-netns", Name: "ami-netns"},
		{ID: "ami-web", Name: "Web server", Command: []string{"sgate", "listen", "443", "udp/53"}, Origin: at(3)},
		{ID: "ami-0123456789abcdef0", Name: "ami-0123456789abcdef0", Origin: at(4)},
	}
	if diff := cmp.Diff(cfg.Images, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if im, ok := cfg.Image("ami-web"); !ok || im.Name != "Web server" {
		t.Errorf("ami-web: %+v, %v", im, ok)
	}
	if _, ok := cfg.Image("ami-nobody"); ok {
		t.Error("there is an image that nobody declared")
	}
	if got := mustParse(t, onlyVPC).Images; len(got) != 1 || got[0].ID != NetnsImage {
		t.Errorf("without any: %+v", got)
	}
}

func TestImageFaults(t *testing.T) {
	testFaults(t, onlyVPC, []faultCase{
		{"no id", "images: [{name: web}]", `f.yaml:2:10: image "web": id is missing: want one such as ami-web, by which instances are launched`},
		{"not an id", "images: [{id: web}]", `f.yaml:2:15: image 1: id "web": want ami- and then 1 to 59 small letters, digits and hyphens, such as ami-web`},
		{"nothing but ami-", "images: [{id: ami-}]", `f.yaml:2:15: image 1: id "ami-": want ami- and then 1 to 59 small letters, digits and hyphens, such as ami-web`},
		{"built in", "images: [{id: ami-netns, command: [sleep, 1]}]", `f.yaml:2:15: image 1: id "ami-netns": is built in, an empty network namespace: want another`},
		{"taken", "images: [{id: ami-web}, {id: ami-web}]", `f.yaml:2:30: image 2: id "ami-web": is taken by another image (declared at f.yaml:2:10)`},
		{"empty name", `images: [{id: ami-web, name: ""}]`, `f.yaml:2:30: image "": name "": want 1 to 128 printable characters, or no name at all`},
		{"no program", `images: [{id: ami-web, command: [""]}]`, `f.yaml:2:33: image 1: command "": want a program and its arguments, without NUL characters`},
		{"unknown key", "images: [{id: ami-web, comand: [a]}]", `f.yaml:2:24: image 1: unknown key "comand": did you mean "command"?`},
		{"no mapping", "images: [ami-web]", `f.yaml:2:10: image 1: want a mapping with keys such as id and name, got the string "ami-web"`},
	})
}
