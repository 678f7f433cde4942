package assertion

import (
	"testing"

	"github.com/sgate/sgate/configs"
)

// FuzzParse holds that any text is either refused with a reason or comes to
// tests whose cases are as many as were counted.
func FuzzParse(f *testing.F) {
	for _, name := range configs.TestFiles() {
		data, err := configs.Files.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "tests:", "tests: [1]", "config: x", tcp("port: 1, expect: drop"), tcp("port: 1-65535, expect: drop"),
		one("from: [web, 2001:db8::1], to: web, protocol: icmp, icmp_type: 8, icmp_code: 0, ipv6: both, expect: allow, rule: sgr-1"),
		one("from: 0.0.0.0/0, to: '::ffff:1.2.3.4', protocol: 255, vpc: main, expect: drop, reason: no_route"),
		one("name: \"\\0\", from: [], to: fe80::1%a, protocol: -1, port: [], source_port: x, ipv6: maybe, expect: 1"),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := Parse("f.yaml", data)
		err := file.Check(world())
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a word")
			}
			return
		}
		total := 0
		for i := range file.Tests {
			cases := 0
			for c := range file.Tests[i].Cases() {
				cases++
				if c.String() == "" || c.From == "" || c.To == "" {
					t.Fatalf("case %+v", c)
				}
			}
			if cases != file.Tests[i].count() || cases == 0 || file.Tests[i].Name == "" {
				t.Errorf("test %q: %d cases, counted %d", file.Tests[i].Name, cases, file.Tests[i].count())
			}
			total += cases
		}
		if total == 0 || total > MaxCases {
			t.Errorf("accepted with %d cases", total)
		}
	})
}
