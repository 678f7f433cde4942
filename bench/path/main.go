package path

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The gateways that run in a process of the bench binary.
const (
	limitGateway         = "limit"
	largeGateway         = "large"
	wireguardGateway     = "wireguard"
	netstackGateway      = "netstack"
	netstackSuperGateway = "netstack-super"
)

// Main runs this package's part of the bench binary's command line:
//
//	bench gateway KIND ...        a gateway, started by a path: never by hand
//	bench up [--mtu N] PATH       a path, until Ctrl-C
func Main(args []string) error {
	if len(args) > 1 && args[0] == "gateway" {
		return runGateway(args[1], args[2:])
	}
	if len(args) > 0 && args[0] == "up" {
		return runUp(args[1:])
	}
	return errors.New("usage: bench up [--mtu N] [--sgate FILE] PATH")
}

// ownProgram returns a command that runs a gateway in the bench binary.
func ownProgram(kind string, args ...string) *exec.Cmd {
	return exec.Command("/proc/self/exe", append([]string{"gateway", kind}, args...)...)
}

// runGateway is the process of a gateway: its devices are the descriptors that
// startBetween hands over.
func runGateway(kind string, args []string) error {
	switch kind {
	case limitGateway:
		return runLimit()
	case largeGateway:
		return runLarge()
	case wireguardGateway:
		return runWireguard()
	case netstackGateway:
		mtu, err := strconv.ParseUint(strings.Join(args, " "), 10, 16)
		if err != nil {
			return fmt.Errorf("MTU: %w", err)
		}
		return runNetstack(uint32(mtu))
	case netstackSuperGateway:
		return runNetstackSuper()
	}
	return fmt.Errorf("no gateway %q", kind)
}

// runUp brings a path up by hand.
func runUp(args []string) error {
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	mtu := flags.Int("mtu", 1500, "the MTU of every device, in bytes")
	sgate := flags.String("sgate", besides("sgate"), "the sgate binary")
	_ = flags.Parse(args) // it exits on an error
	paths, missing := Find(*sgate)
	i := slices.IndexFunc(paths, func(p Path) bool { return p.Name == flags.Arg(0) })
	if i < 0 {
		var names []string
		for _, p := range paths {
			names = append(names, p.Name)
		}
		return errors.Join(fmt.Errorf("path %q: there are: %s", flags.Arg(0), strings.Join(names, ", ")), missing[flags.Arg(0)])
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	w, err := paths[i].Up(ctx, *mtu)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", paths[i].Name, paths[i].Description)
	fmt.Printf("client: ip netns exec %s ...\nserver: ip netns exec %s ..., at", w.Client.Name, w.Server.Name)
	for _, addr := range w.ServerAddr {
		if addr.IsValid() {
			fmt.Print(" ", addr)
		}
	}
	fmt.Print("\nCtrl-C takes it down.\n")
	<-ctx.Done()
	return w.Close()
}

// besides returns the path of a program in this one's folder.
func besides(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}
