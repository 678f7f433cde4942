package e2e

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sgate/sgate/internal/needs"
)

// needsProgram ends a test that runs a program which is not there.
func needsProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		needs.Missing(t, name)
	}
}

// python is a Python that has scapy. Where there are several, it may be the
// distribution's alone that does.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import scapy").Run() == nil {
			return path
		}
	}
	needs.Missing(t, "scapy, which Debian has as python3-scapy")
	return ""
}

// together runs checks side by side: most of them wait for a timeout.
func together(checks ...func()) {
	var running sync.WaitGroup
	for _, check := range checks {
		running.Go(check)
	}
	running.Wait()
}

// attempt is a connection and what its client is to see.
type attempt struct{ want, from, host, port string }

// wantConnects makes attempts side by side.
func wantConnects(t *testing.T, lab string, attempts ...attempt) {
	t.Helper()
	var checks []func()
	for _, a := range attempts {
		checks = append(checks, func() {
			t.Helper()
			wantConnect(t, a.want, lab, a.from, a.host, a.port)
		})
	}
	together(checks...)
}

// wantPing checks whether a ping is answered.
func wantPing(t *testing.T, want bool, lab, from, host string, options ...string) {
	t.Helper()
	patience := "10"
	if !want {
		patience = "1"
	}
	command := append([]string{"ping", "-n", "-c", "1", "-W", patience}, options...)
	if r := in(t, lab, from, append(command, host)...); (r.code == 0) != want {
		t.Errorf("%s pings %s %v: answered %t, want %t\n%s%s", from, host, options, r.code == 0, want, r.stdout, r.stderr)
	}
}

// wantDatagrams sends datagrams to an echo server and checks what becomes of
// each. See testdata/datagrams.py for the sizes.
func wantDatagrams(t *testing.T, want, lab, from, host, port string, sizes ...string) {
	t.Helper()
	patience := "10"
	if strings.Contains(want, "times out") {
		patience = "1"
	}
	command := append([]string{python(t), script(t, "datagrams.py"), host, port, patience}, sizes...)
	r := in(t, lab, from, command...)
	if got := strings.TrimSpace(strings.ReplaceAll(r.stdout, "\n", ", ")); strings.TrimSuffix(got, ",") != want {
		t.Errorf("%s sends datagrams of %v bytes to %s port %s: %s, want %s\n%s", from, sizes, host, port, got, want, r.stderr)
	}
}

// script is the path of a script in testdata.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// anyReason stands for all reasons of drops.
const anyReason = ""

// drops is how often a member's packets were dropped for a reason.
func drops(t *testing.T, lab, member, reason string) uint64 {
	t.Helper()
	if reason == anyReason {
		return countersOf(t, "--lab", lab, member).Interfaces[0].Dropped
	}
	return dropsOf(t, "--lab", lab, member, reason)
}

// connectTo opens a connection from a member to an echo server.
func connectTo(t *testing.T, lab, from, host, port string, options ...string) *connection {
	t.Helper()
	nc := append([]string{"lab", "exec", "--lab", lab, from, "--", "nc", "-n"}, options...)
	return openConnection(t, append([]string{binary(t)}, append(nc, host, port)...)...)
}

// stalls checks that what a client sends on its connection is dropped for a
// reason, and that nothing comes back.
func (c *connection) stalls(t *testing.T, lab, client, reason string) {
	t.Helper()
	before := drops(t, lab, client, reason)
	c.send(t, "into the void")
	until(t, fmt.Sprintf("drops of what %s sends for %s", client, reason), func() bool {
		return drops(t, lab, client, reason) > before
	})
	if len(c.lines) > 0 {
		t.Errorf("it still arrives: %q comes back", <-c.lines)
	}
}

// liveLab is a lab whose file is edited while it is up.
type liveLab struct {
	name, file string
	process    *background
}

// liveUp brings a lab up.
func liveUp(t *testing.T, content string) *liveLab {
	t.Helper()
	l := &liveLab{name: labName(t), file: writeFile(t, "lab.yaml", content)}
	l.process = labStart(t, l.name, l.file)
	return l
}

// change edits the lab's file and waits until it is in force.
func (l *liveLab) change(t *testing.T, content string) {
	t.Helper()
	l.edit(t, content, "all are up")
}

// refuses edits the lab's file and waits until it is refused.
func (l *liveLab) refuses(t *testing.T, content string) {
	t.Helper()
	l.edit(t, content, "the configuration is refused, the old one stays in force")
}

// edit replaces the file as an editor does and waits until the lab says so.
func (l *liveLab) edit(t *testing.T, content, says string) {
	t.Helper()
	said := func() int { return strings.Count(l.process.output(t), says) }
	before := said()
	next := l.file + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, l.file); err != nil {
		t.Fatal(err)
	}
	until(t, fmt.Sprintf("%q after an edit", says), func() bool { return said() > before })
}

// crafter sends packets of a test's own making from a member of a lab.
type crafter struct {
	lab, member string
	process     *background
	stdin       io.Writer
	last        int // the last packets' number
}

// newCrafter starts one that knows those names. Packets get numbers from first
// on, by which they are told apart where they arrive.
func newCrafter(t *testing.T, lab, member string, first int, names ...string) *crafter {
	t.Helper()
	args := append([]string{"lab", "exec", "--lab", lab, member, "--", python(t), script(t, "packets.py"), "send"}, names...)
	cmd := exec.Command(binary(t), args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &crafter{lab: lab, member: member, process: startCommand(t, cmd), stdin: stdin, last: first - 1}
	c.process.says(t, "ready")
	return c
}

// send sends packets, an expression in scapy's terms in which ID is their
// number: IPv4's identification or IPv6's flow label. It returns the number, and
// how many packets there were.
func (c *crafter) send(t *testing.T, packets string) (number, count int) {
	t.Helper()
	c.last++
	if _, err := fmt.Fprintf(c.stdin, "%d %s\n", c.last, strings.ReplaceAll(packets, "\n", " ")); err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("sent %d ", c.last)
	until(t, said, func() bool {
		_, rest, _ := strings.Cut(c.process.output(t), said)
		line, _, whole := strings.Cut(rest, "\n")
		if _, err := fmt.Sscan(line, &count); whole && err != nil {
			t.Fatal(err)
		}
		return whole
	})
	return c.last, count
}

// tap shows what passes a member's device.
type tap struct{ process *background }

func newTap(t *testing.T, lab, member string) tap {
	t.Helper()
	b := start(t, "lab", "exec", "--lab", lab, member, "--", python(t), script(t, "packets.py"), "tap")
	b.says(t, "ready")
	return tap{b}
}

// packets are those that have passed so far, in that direction: "in" or "out".
func (p tap) packets(t *testing.T, direction string) [][]byte {
	t.Helper()
	var all [][]byte
	lines := strings.Split(p.process.output(t), "\n")
	for _, line := range lines[:len(lines)-1] { // the last one may not be complete
		if text, is := strings.CutPrefix(line, direction+" "); is {
			packet, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, packet)
		}
	}
	return all
}

// foreign is the number of what is not an IP packet.
const foreign = -1

// number is a crafter's number of a packet.
func number(packet []byte) int {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return int(packet[4])<<8 | int(packet[5])
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return int(packet[1]&0xf)<<16 | int(packet[2])<<8 | int(packet[3])
	}
	return foreign
}

// arrived counts the packets with a number that have come in so far.
func (p tap) arrived(t *testing.T, wanted int) (count int) {
	t.Helper()
	for _, packet := range p.packets(t, "in") {
		if number(packet) == wanted {
			count++
		}
	}
	return count
}
