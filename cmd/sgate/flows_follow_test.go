package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sgate/sgate/control"
)

func TestPrintEvents(t *testing.T) {
	// The last line is one that a newer gateway may send.
	lines := append(followedEvents(), control.EventLine{})
	coloured := strings.NewReplacer(
		"DROP ", "\x1b[31mDROP \x1b[0m", "ALLOW", "\x1b[32mALLOW\x1b[0m",
		"... 1,204 events lost: the reader was too slow", "\x1b[33m... 1,204 events lost: the reader was too slow\x1b[0m",
	).Replace(followedText)
	for paint, want := range map[painter]string{false: followedText, true: coloured} {
		var got bytes.Buffer
		print := eventPrinter(&got, paint)
		for _, line := range lines {
			if err := print(line); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if painterOf(&bytes.Buffer{}) {
		t.Error("what is no terminal is coloured")
	}
}
