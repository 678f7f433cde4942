package lab

import (
	"fmt"
	"path/filepath"

	"github.com/sgate/sgate/control"
)

// controlSocket is where a lab's gateway can be asked.
func controlSocket(name string) string { return filepath.Join(folderOf(name), "control.sock") }

// ControlSocket returns the path of the control socket of the lab with that
// name, or of the only one if name is "".
func ControlSocket(name string) (string, error) {
	info, err := find(name)
	if err != nil {
		return "", err
	}
	if !info.Running {
		return "", fmt.Errorf("lab %q has crashed: clear it away with `sgate lab down %s`", info.Name, info.Name)
	}
	return controlSocket(info.Name), nil
}

// Gateways returns the gateways that run on this machine: those of labs, and
// those of `sgate run` that have their sockets where it makes them by itself.
func Gateways() ([]control.Target, error) {
	labs, err := List()
	if err != nil {
		return nil, err
	}
	var running []control.Target
	for _, l := range labs {
		if l.Running {
			running = append(running, control.Target{Flag: "--lab " + l.Name, Path: controlSocket(l.Name)})
		}
	}
	paths, err := control.Running(control.DefaultDir)
	for _, path := range paths {
		running = append(running, control.Target{Flag: "--control " + path, Path: path})
	}
	return running, err
}
