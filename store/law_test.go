package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sgate/sgate/vpc"
)

// TestStoreIsTheSumOfItsChanges makes random changes, some of which fail at some
// step, reads the file again and restarts in between, and holds the store to a
// map.
func TestStoreIsTheSumOfItsChanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprint(rapid.Uint64().Draw(rt, "file"), ".db"))
		w := open1(t, path)
		defer func() { w.Close() }()
		want := make(map[string]int32) // ports by the group's id
		refused := errors.New("refused")
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"change", "change", "change", "declare", "restart"}).Draw(rt, "step") {
			case "declare":
				w.declare(file())
			case "restart":
				w = w.reopened()
			case "change":
				next := maps.Clone(want)
				var ops []func(*Draft) error
				for range rapid.IntRange(1, 4).Draw(rt, "ops") {
					id := fmt.Sprintf("sg-%017d", rapid.IntRange(100, 104).Draw(rt, "group"))
					if port := rapid.Int32Range(0, 3).Draw(rt, "port"); port > 0 {
						ops = append(ops, put(group(id, "g"+id, port)))
						next[id] = port
					} else {
						ops = append(ops, func(d *Draft) error { return d.SecurityGroups.Delete(id) })
						delete(next, id)
					}
				}
				how := rapid.SampledFrom([]string{"ok", "ok", "function", "apply", "dry"}).Draw(rt, "how")
				w.refuse = map[string]error{"apply": refused}[how]
				err := w.Change(context.Background(), func(d *Draft) error {
					for _, op := range ops {
						if err := op(d); err != nil {
							return err
						}
					}
					d.DryRun = how == "dry"
					if how == "function" {
						return refused
					}
					return nil
				})
				w.refuse = nil
				if err == nil {
					want = next
				}
				if (err == nil) != (how == "ok") && !maps.Equal(want, next) {
					rt.Fatalf("%s: %v", how, err)
				}
			}
			check(rt, w, want)
		}
		w = w.reopened()
		check(rt, w, want)
	})
}

// check holds what is told, what is in force and what drafts have to the map.
func check(rt *rapid.T, w *world, want map[string]int32) {
	for name, groups := range map[string][]vpc.SecurityGroup{
		"told": w.View().SecurityGroups(), "in force": w.inForce.SecurityGroups(), "in a draft": w.Read().SecurityGroups.All(),
	} {
		got := make(map[string]int32)
		for _, g := range groups {
			if len(g.Ingress) > 0 && g.ID > "sg-0000000000000010" && g.Name != vpc.DefaultGroupName {
				got[g.ID] = g.Ingress[0].FromPort
			}
		}
		if !maps.Equal(got, want) {
			rt.Fatalf("%s: %v, want %v", name, got, want)
		}
	}
	ids := slices.Collect(maps.Keys(want))
	for _, id := range ids {
		if g, ok := w.Read().SecurityGroups.Get(id); !ok || g.Ingress[0].FromPort != want[id] {
			rt.Fatalf("a draft's %s is %+v", id, g)
		}
	}
}
