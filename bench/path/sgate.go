package path

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed sgate.yaml.tmpl
var sgateTemplate string

// setting is what differs between the paths with sgate: the fields of the
// template of its configuration.
type setting struct {
	Client, Server Namespace
	MTU            int
	// Quiet are further IPv4 addresses of the client and the server.
	Quiet         []netip.Addr
	IdleNamespace Namespace
	Idle          []idleDevice
}

// idleDevice is an instance that takes no part.
type idleDevice struct {
	Device  string
	Address netip.Addr
}

// configuration returns the configuration of sgate.
func (s setting) configuration() (string, error) {
	parsed, err := template.New("sgate.yaml").Parse(sgateTemplate)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = parsed.Execute(&b, s)
	return b.String(), err
}

// setting returns that of two devices and nothing else.
func (w *World) setting() setting { return setting{Client: w.Client, Server: w.Server, MTU: w.mtu} }

func findSgate(sgate string) (Path, error) {
	return sgatePath(sgate, "4 groups, 2 devices", func(ctx context.Context, w *World) error {
		return w.startSgate(ctx, sgate, w.setting())
	})
}

// sgatePath returns a path with the sgate binary.
func sgatePath(sgate, description string, build func(context.Context, *World) error) (Path, error) {
	info, err := os.Stat(sgate)
	if err != nil {
		return Path{}, err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return Path{}, fmt.Errorf("%s is no program", sgate)
	}
	return Path{Description: "sgate run, " + description, build: build}, nil
}

// startSgate starts `sgate run` and returns once its devices are up.
func (w *World) startSgate(ctx context.Context, sgate string, s setting) error {
	configuration, err := s.configuration()
	if err != nil {
		return err
	}
	file := filepath.Join(w.dir, "sgate.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return err
	}
	if err := w.start(exec.Command(sgate, "run", "--config", file, "--control", w.controlSocket())); err != nil {
		return err
	}
	return w.gateway.await(ctx, "all are up")
}

func (w *World) controlSocket() string { return filepath.Join(w.dir, "control.sock") }
