package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/bench/report"
)

// machine describes what was measured on, and with which versions.
func machine(sgate string) []report.Fact {
	facts := []report.Fact{
		{Name: "processor", Text: fmt.Sprintf("%s, %d cores, shared by client, gateway and server", processor(), runtime.NumCPU())},
		{Name: "kernel", Text: kernel()},
		{Name: "Go", Text: runtime.Version()},
		{Name: "sgate", Text: version(sgate, "--version")},
	}
	for _, module := range []struct{ name, path string }{
		{"gVisor", "gvisor.dev/gvisor"}, {"wireguard/tun", "golang.zx2c4.com/wireguard"},
	} {
		facts = append(facts, report.Fact{Name: module.name, Text: moduleVersion(module.path)})
	}
	for _, program := range []string{"iperf3", "nft", "cc"} { // the paths' own are in their descriptions
		facts = append(facts, report.Fact{Name: program, Text: version(program, "--version")})
	}
	return facts
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// version is the first line of what a program says of itself.
func version(program, flag string) string {
	out, err := exec.Command(program, flag).Output()
	if err != nil {
		return "none"
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}

// moduleVersion is that of a module that this binary is built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}

// beside returns the path of a file in this program's folder.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}
