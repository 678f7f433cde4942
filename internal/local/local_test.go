package local

import (
	"strings"
	"testing"
)

func TestOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:4599": true, "127.8.0.1:0": true, "[::1]:4599": true, "localhost:4599": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:4599": false, ":4599": false, "[::]:4599": false, "192.0.2.1:4599": false, "[2001:db8::1]:4599": false,
	} {
		if got, err := Only(address); err != nil || got != want {
			t.Errorf("%q: %v, %v", address, got, err)
		}
	}
	for address, want := range map[string]string{
		"": "want an IP address and a port", "4599": "want an IP", "127.0.0.1": "want an IP", "::1:4599": "want an IP",
		"gateway.example:4599": "want an IP", "localhost.example:4599": "want an IP", "127.1:4599": "want an IP",
		"127.0.0.1:http": `port "http": want 0 to 65535`, "127.0.0.1:65536": `port "65536"`, "127.0.0.1:": `port ""`,
	} {
		if got, err := Only(address); err == nil || got || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %s", address, got, err, want)
		}
	}
}

func TestName(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:4599": true, "[::1]": true, "[::1]:4599": true, "::1": true, "192.0.2.1:80": true,
		"localhost": true, "localhost:4599": true, "LocalHost": true, "localhost.": true, "ec2.localhost:4599": true, "a.b.localhost": true,
		"": false, ":4599": false, "evil.example": false, "evil.example:4599": false, "127.0.0.1.evil.example:4599": false,
		"localhost.evil.example": false, "evillocalhost": false, "localhost:evil.example": true, "0x7f.1": false, "2130706433": false, "127.1": false,
		"localhost:4599:1": false, "[localhost": true, "user@localhost": false, "evil.example/localhost": false,
	} {
		if got := Name(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
