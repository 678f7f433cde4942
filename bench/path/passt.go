package path

import (
	"context"
	"fmt"
)

// findPasst returns passt, by the name pasta that it has where it serves network
// namespaces, as Podman starts it, but for the MTU.
func findPasst(string) (Path, error) {
	version, err := packageVersion("pasta", "passt")
	if err != nil {
		return Path{}, err
	}
	return Path{Description: "pasta, of passt " + version, build: buildPasst}, nil
}

func buildPasst(_ context.Context, w *World) error {
	if err := w.giveServerNetwork(); err != nil {
		return err
	}
	c := clientEnd().addressing()
	return w.start(w.Server.Command(context.Background(), "pasta", "--foreground", "--runas", "0", "--config-net",
		"--netns", w.Client.path(), "--ns-ifname", deviceName, "--mtu", fmt.Sprint(w.mtu),
		"--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
		"--address", c.Addresses[0].Addr().String(), "--netmask", fmt.Sprint(c.Addresses[0].Bits()), "--gateway", c.Gateways[0].String(),
		"--address", c.Addresses[1].Addr().String(), "--gateway", c.Gateways[1].String()))
}
