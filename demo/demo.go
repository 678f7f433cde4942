// Package demo plays sgate's main job in front of the user: it brings up the
// three-tier lab, makes real connections from inside its namespaces, and says
// of each what was expected, what was seen, and which rule decided.
//
// The package imports config, configs, lab, gateway, filter and vpc.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/sgate/sgate/config"
	"github.com/sgate/sgate/configs"
	"github.com/sgate/sgate/lab"
)

// File is the configuration that the demo runs, in the configs folder.
const File = "three-tier.yaml"

// Run plays the demo and writes its table to out. It reports whether every
// observation was as expected; an error means that the demo could not be
// played. Nothing of it is left either way.
func Run(ctx context.Context, out io.Writer, log *slog.Logger) (ok bool, err error) {
	cfg, err := load()
	if err != nil {
		return false, err
	}
	l, err := lab.Up(ctx, cfg, lab.Options{Name: fmt.Sprintf("demo-%d", os.Getpid()), Log: log})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &show{lab: l, table: &table{out: out}}
	if err := s.play(ctx); err != nil {
		return false, err
	}
	s.table.end()
	return s.table.unexpected == 0, s.table.err
}

// load reads the configuration from the program itself.
func load() (*config.Config, error) {
	data, err := configs.Files.ReadFile(File)
	if err != nil {
		return nil, err
	}
	return config.Parse(data, config.Source{Path: "configs/" + File})
}

// show is the demo under way.
type show struct {
	lab   *lab.Lab
	table *table
}

// play tells the story, scene by scene.
func (s *show) play(ctx context.Context) error {
	s.table.begin(s.lab.Config())
	for _, scene := range []func(context.Context) error{s.tiers, s.join, s.remove} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tiers is what the configuration admits as it stands.
func (s *show) tiers(ctx context.Context) error {
	if err := s.awaitServices(ctx); err != nil {
		return err
	}
	s.table.scene("The groups as they are in " + s.lab.Config().Path)
	for _, a := range []attempt{
		{from: "laptop", to: "web", port: 22, expect: connects},
		{from: "stranger", to: "web", port: 22, expect: timesOut},
		{from: "laptop", to: "web", port: 443, expect: connects},
		{from: "stranger", to: "web", port: 443, expect: connects},
		{from: "stranger", to: "web", port: 443, ipv6: true, expect: connects},
		{from: "web", to: "app", port: 8080, expect: connects},
		{from: "app", to: "db", port: 3306, expect: connects},
		{from: "web", to: "db", port: 3306, expect: timesOut},
		{from: "db", to: "web", port: 443, expect: timesOut},
		{from: "db", to: "stranger", port: 443, expect: timesOut},
		{from: "laptop", to: "web", port: 80, expect: refused},
	} {
		if err := s.attempt(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// join is about a rule that names a group: it covers whoever is a member now.
func (s *show) join(ctx context.Context) error {
	cfg, err := withInstance(s.lab.Config(), "app-2", "app", netip.MustParseAddr("10.0.2.21"))
	if err != nil {
		return err
	}
	s.table.scene("A second app instance is launched, with the VPC's default group")
	if err := s.lab.Apply(ctx, cfg); err != nil {
		return err
	}
	toDB := attempt{from: "app-2", to: "db", port: 3306, expect: timesOut}
	if err := s.attempt(ctx, toDB); err != nil {
		return err
	}
	s.table.scene("It joins the group app; no rule is changed")
	if cfg, err = withGroups(s.lab.Config(), "app-2", "app"); err != nil {
		return err
	}
	if err := s.lab.Apply(ctx, cfg); err != nil {
		return err
	}
	toDB.expect = connects
	return s.attempt(ctx, toDB)
}

// remove is about a rule that goes while a connection that it let in is open.
func (s *show) remove(ctx context.Context) error {
	toDB := attempt{from: "app", to: "db", port: 3306, expect: connects}
	conn, err := s.dial(ctx, toDB)
	if err != nil {
		return fmt.Errorf("open a connection to keep: %w", err)
	}
	defer conn.Close()
	cfg, err := withoutIngress(s.lab.Config(), "db")
	if err != nil {
		return err
	}
	s.table.scene("The rule that admits app to db is removed while a connection is open")
	if err := s.lab.Apply(ctx, cfg); err != nil {
		return err
	}
	start := time.Now()
	seen := outcome(echo(conn))
	s.table.row(toDB, "the open connection", seen, time.Since(start), "tracked flow, older than the change")

	toDB.expect = timesOut
	return s.attempt(ctx, toDB)
}
