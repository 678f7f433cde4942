package path

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/daemon"
	"github.com/sgate/sgate/internal/background"
	"github.com/sgate/sgate/vpc"
)

// largeConfig is the variable that has the large gateway's configuration, but
// for the fleet.
const largeConfig = "SGATE_BENCH_CONFIG"

// runLarge is sgate with a fleet: it answers one line when it is up, and one to
// each line that it reads, upon which it changes a rule.
func runLarge() error {
	l, err := newLarge(context.Background(), os.Getenv(largeConfig))
	if err != nil {
		return err
	}
	answer(0, nil)
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		answer(l.change(context.Background()))
	}
	return l.daemon.Close()
}

func answer(took time.Duration, err error) {
	if err != nil {
		fmt.Printf("%q\n", err.Error())
		return
	}
	fmt.Println(took.Nanoseconds())
}

// large is a daemon that has a fleet.
type large struct {
	daemon  *daemon.Daemon
	config  *config.Config
	changes int
}

func newLarge(ctx context.Context, configuration string) (*large, error) {
	cfg, err := config.Parse([]byte(configuration), config.Source{Path: "sgate.yaml"})
	if err != nil {
		return nil, err
	}
	l := &large{config: cfg}
	if l.daemon, err = daemon.New(cfg.Gateway, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if err := l.apply(ctx, cfg.Resources, addFleet); err != nil {
		return nil, errors.Join(err, l.daemon.Close())
	}
	return l, nil
}

// apply puts the changed resources of a snapshot in force, as sgate does those of a
// changed file: they are made and validated in the background, then compiled and
// swapped for those before.
func (l *large) apply(ctx context.Context, from *vpc.Snapshot, change func(*vpc.Resources)) error {
	err := background.Do(func() (err error) {
		res := from.Resources()
		change(&res)
		l.config.Resources, err = from.Update(res)
		return err
	})
	if err != nil {
		return err
	}
	return l.daemon.Apply(ctx, l.config)
}

// changedGroup has a rule that changes; the server is in it.
const changedGroup = "server"

// changedPort is the port of the rule that changes.
const changedPort = 8443

// change gives the server's group a rule for another address than before, and
// returns how long that took.
func (l *large) change(ctx context.Context) (took time.Duration, err error) {
	start := time.Now()
	policy, _ := l.daemon.Gateway().Policy()
	err = l.apply(ctx, policy.Snapshot(), l.changeRule)
	return time.Since(start), err
}

func (l *large) changeRule(res *vpc.Resources) {
	l.changes++
	groups := res.SecurityGroups
	g := &groups[slices.IndexFunc(groups, func(g vpc.SecurityGroup) bool { return g.Name == changedGroup })]
	rules := slices.Clone(g.Ingress)
	rules = slices.DeleteFunc(rules, func(r vpc.Rule) bool { return r.FromPort == changedPort })
	source := netip.AddrFrom4([4]byte{198, 51, 100, byte(l.changes)})
	g.Ingress = append(rules, vpc.Rule{
		Protocol: vpc.TCP, FromPort: changedPort, ToPort: changedPort, Peer: vpc.Peer{CIDR: netip.PrefixFrom(source, source.BitLen())},
	})
}
