package vpc

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWarnings(t *testing.T) {
	const set = ": want at most 255 characters from the set a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
	at := func(n int) Origin { return Origin{"lab.yaml", n, 3} }
	described := func(n int, cidr, description string) Rule {
		r := rule(TCP, 80, 80, Peer{CIDR: prefix(cidr)})
		r.Description, r.Origin = description, at(n)
		return r
	}
	long := strings.Repeat("a", 256)
	s, err := New(Resources{
		VPCs: []VPC{{ID: "vpc-1", Name: "main", CIDR: prefix("10.0.0.0/16")}},
		SecurityGroups: []SecurityGroup{{
			ID: "sg-1", Name: "web", Description: long, VPCID: "vpc-1", Origin: at(2),
			Ingress: []Rule{
				described(3, "10.0.0.0/8", "Bob's"), described(3, "192.0.2.0/24", "Bob's"), // one declaration
				described(4, "203.0.113.0/24", long[1:]),
			},
			Egress: []Rule{described(5, "10.0.0.0/8", "B\u00fcro"), described(6, "192.0.2.0/24", "a\n")},
		}},
		PrefixLists: []PrefixList{{ID: "pl-1", Name: "office", MaxEntries: 1, Entries: []PrefixListEntry{
			{CIDR: prefix("203.0.113.0/24"), Description: "<HQ>", Origin: at(7)},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range s.Warnings(nil) {
		got = append(got, w.Error())
	}
	want := []string{
		`lab.yaml:2:3: security group "web": AWS would refuse the description "` + long + `"` + set,
		`lab.yaml:3:3: security group "web": ingress rule: AWS would refuse the description "Bob's"` + set,
		`lab.yaml:5:3: security group "web": egress rule: AWS would refuse the description "Büro"` + set,
		`lab.yaml:6:3: security group "web": egress rule: AWS would refuse the description "a\n"` + set,
		`lab.yaml:7:3: prefix list "office": entry 203.0.113.0/24: AWS would refuse the description "<HQ>"` + set,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestWarningsAfterAChange holds that what a change leaves alone is not told
// again, and what it touches is.
func TestWarningsAfterAChange(t *testing.T) {
	group := func(name string) SecurityGroup {
		r := rule(TCP, 80, 80, Peer{CIDR: prefix("10.0.0.0/8")})
		r.Description = "<" + name + ">"
		return SecurityGroup{ID: "sg-" + name, Name: name, VPCID: "vpc-1", Ingress: []Rule{r}}
	}
	list := func(name string) PrefixList {
		e := PrefixListEntry{CIDR: prefix("203.0.113.0/24"), Description: "<" + name + ">"}
		return PrefixList{ID: "pl-" + name, Name: name, MaxEntries: 2, Entries: []PrefixListEntry{e}}
	}
	before, err := New(Resources{
		VPCs:           []VPC{{ID: "vpc-1", Name: "main", CIDR: prefix("10.0.0.0/16")}},
		SecurityGroups: []SecurityGroup{group("a"), group("b")},
		PrefixLists:    []PrefixList{list("c"), list("d")},
	})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(s *Snapshot, since *Snapshot, want string) {
		t.Helper()
		var got []string
		for _, w := range s.Warnings(since) {
			_, description, _ := strings.Cut(w.Error(), "<")
			description, _, _ = strings.Cut(description, ">")
			got = append(got, description)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("warnings about %q, want %q", got, want)
		}
	}
	expect(before, nil, "a b c d")
	expect(before, before, "")
	res := before.Resources()
	changed := slices.Clone(res.SecurityGroups[1].Ingress)
	changed[0].FromPort = 79
	res.SecurityGroups[1].Ingress = changed
	res.PrefixLists[1].Entries = append(slices.Clone(res.PrefixLists[1].Entries), PrefixListEntry{CIDR: prefix("192.0.2.0/24")})
	after, err := before.Update(res)
	if err != nil {
		t.Fatal(err)
	}
	expect(after, before, "b d")
	expect(after, nil, "a b c d")
}
