package path

import (
	"context"
	"fmt"
	"net/netip"
)

// findSlirp4netns returns slirp4netns as containers have it, but for the MTU. It
// forwards no ping in IPv6.
func findSlirp4netns(string) (Path, error) {
	version, err := packageVersion("slirp4netns", "slirp4netns")
	if err != nil {
		return Path{}, err
	}
	return Path{Description: "slirp4netns " + version, build: buildSlirp4netns}, nil
}

// Its own network in IPv6 cannot be chosen.
const (
	slirpClient6 = "fd00::10/64"
	slirpRouter6 = "fd00::2"
)

func buildSlirp4netns(ctx context.Context, w *World) error {
	if err := w.giveServerNetwork(); err != nil {
		return err
	}
	err := w.start(w.Server.Command(context.Background(), "slirp4netns", "--configure", "--enable-ipv6",
		"--mtu", fmt.Sprint(w.mtu), "--cidr", clientEnd().subnets[0], "--netns-type", "path", w.Client.path(), deviceName))
	if err != nil {
		return err
	}
	if err := w.gateway.await(ctx, "received tapfd"); err != nil {
		return err
	}
	// It would take seconds until the client has its address from it.
	return w.Client.Do(func() error {
		return setUp(deviceName, []netip.Prefix{netip.MustParsePrefix(slirpClient6)}, []netip.Addr{netip.MustParseAddr(slirpRouter6)})
	})
}
