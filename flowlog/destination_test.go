package flowlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/internal/needs"
)

// fileIn opens a file in a folder of the test's own.
func fileIn(t *testing.T, size int64, files int, header string) *file {
	t.Helper()
	f, err := openFile(Log{Destination: filepath.Join(t.TempDir(), "f"), MaxFileSize: size, MaxFiles: files}, header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.close() })
	return f
}

func (f *file) mustWrite(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := f.write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
}

// content returns what each file of a folder has.
func content(t *testing.T, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = strings.ReplaceAll(string(text), "\n", "|")
	}
	return all
}

func wantFiles(t *testing.T, f *file, want map[string]string) {
	t.Helper()
	if got := content(t, f.path); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestFilesAreSetAside(t *testing.T) {
	f := fileIn(t, 8, 3, "")
	f.mustWrite(t, "one", "two", "three", "four", "five", "six-is-longer-than-a-file", "7")
	wantFiles(t, f, map[string]string{"f": "7|", "f.1": "six-is-longer-than-a-file|", "f.2": "five|"})
	one := fileIn(t, 8, 1, "")
	one.mustWrite(t, "one", "two", "three")
	wantFiles(t, one, map[string]string{"f": "three|"})
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestHeadersHeadEachFile(t *testing.T) {
	f := fileIn(t, 9, 2, "head\n")
	f.mustWrite(t, "a", "b", "c")
	wantFiles(t, f, map[string]string{"f": "head|c|", "f.1": "head|a|b|"})
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFile(Log{Destination: f.path, MaxFileSize: 100, MaxFiles: 2}, "head\n")
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	again.mustWrite(t, "d")
	wantFiles(t, f, map[string]string{"f": "head|c|d|", "f.1": "head|a|b|"})
}

// TestLogrotate moves the file away, copies and cuts it, and removes it.
func TestLogrotate(t *testing.T) {
	f := fileIn(t, 100, 2, "head\n")
	f.mustWrite(t, "a")
	if err := os.Rename(f.path, f.path+"-old"); err != nil {
		t.Fatal(err)
	}
	f.mustWrite(t, "b")
	wantFiles(t, f, map[string]string{"f": "head|b|", "f-old": "head|a|"})
	if err := errors.Join(os.Rename(f.path, f.path+"-old"), os.WriteFile(f.path, nil, 0o640)); err != nil { // logrotate's create
		t.Fatal(err)
	}
	f.mustWrite(t, "b2")
	wantFiles(t, f, map[string]string{"f": "head|b2|", "f-old": "head|b|"})
	if err := os.Truncate(f.path, 0); err != nil { // its copytruncate
		t.Fatal(err)
	}
	f.mustWrite(t, "c")
	wantFiles(t, f, map[string]string{"f": "head|c|", "f-old": "head|b|"})
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	f.mustWrite(t, "d")
	wantFiles(t, f, map[string]string{"f": "head|d|", "f-old": "head|b|"})
}

// TestAFullDiskLosesWholeLines has a file system of two pages.
func TestAFullDiskLosesWholeLines(t *testing.T) {
	needs.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8192"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f, err := openFile(Log{Destination: filepath.Join(dir, "f"), MaxFileSize: 1 << 20, MaxFiles: 2}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	line := strings.Repeat("x", 4999) + "\n"
	if err := f.write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if err := f.write([]byte(line)); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the second page and a half is taken: %v", err)
	}
	if err := f.write([]byte("short\n")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(f.path); err != nil || string(text) != line+"short\n" {
		t.Errorf("%d bytes, %v; want the first line and the short one", len(text), err)
	}
}

// broken is a destination that fails when it is told to.
type broken struct {
	destination
	err   error
	after int // writes that succeed
}

func (b *broken) write(lines []byte) error {
	if b.after--; b.err != nil && b.after < 0 {
		return b.err
	}
	return b.destination.write(lines)
}

func TestWhatTheDestinationDoesNotTakeIsSkipped(t *testing.T) {
	w := pair(t, logOf(a).minutely().in(t, "${interface-id} ${dstport} ${start} ${end} ${log-status}"))
	w.tick(noon)
	w.m.mu.Lock()
	l := w.m.logs[0]
	disk := &broken{destination: l.to, err: errors.New("no space left on device")}
	l.to = disk
	w.m.mu.Unlock()
	for minute := range int64(3) {
		w.at(noon + minute*60 + 7)
		if minute < 2 {
			w.web(80)
		}
		w.tick(noon + 60*(minute+1))
	}
	if got := w.m.List()[0]; got.DeliverLogsErrorMessage != "no space left on device" || got.Skipped != 2 || got.Records != 0 {
		t.Errorf("%+v", got)
	}
	disk.err = nil
	w.at(noon + 200)
	w.web(80)
	w.tick(noon + 240)
	lines := w.read("log")
	wantLines(t, lines[1:],
		fmt.Sprint(a, " 80 ", noon+200, " ", noon+200, " OK"),
		fmt.Sprint(a, " - ", noon, " ", noon+120, " SKIPDATA"))
	if got := w.m.List()[0]; got.DeliverLogsErrorMessage != "" || got.Records != 1 {
		t.Errorf("%+v", got)
	}
	if said := w.said.String(); strings.Count(said, "level=ERROR") != 1 || strings.Count(said, "delivered again") != 1 {
		t.Errorf("said:\n%s", said)
	}
	// It is told once.
	w.tick(noon + 300)
	if got := w.read("log"); len(got) != len(lines)+1 || !strings.HasSuffix(got[len(lines)], "NODATA") {
		t.Errorf("after it was told:\n%s", strings.Join(got, "\n"))
	}
}

// TestTheRestIsLostAfterAFailure has more records than a destination is handed at
// a time.
func TestTheRestIsLostAfterAFailure(t *testing.T) {
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(), instance(a, aAddr), neighbour(b, bAddr))
	w := newWorld(t, res, Options{}, logOf(a).minutely())
	w.tick(noon)
	for i := range 1500 {
		w.send(b, udp(t, fmt.Sprintf("%s:%d", bAddr, 1000+i), aAddr+":1", 40))
	}
	w.sync()
	w.m.mu.Lock()
	w.m.logs[0].to = &broken{destination: w.m.logs[0].to, err: errors.New("gone"), after: 1}
	w.m.mu.Unlock()
	w.tick(noon + 60)
	got := w.m.List()[0]
	if got.Records == 0 || got.Skipped == 0 || got.Records+got.Skipped != 1500 || uint64(len(w.read("log"))) != got.Records+1 {
		t.Errorf("%d delivered and %d skipped of 1500, %d lines", got.Records, got.Skipped, len(w.read("log")))
	}
}

// pipe returns a stream into a pipe that has room for one page.
func pipe(t *testing.T, header string) (*stream, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	return &stream{to: w, header: header}, r
}

func TestStandardOutput(t *testing.T) {
	s, r := pipe(t, "head\n")
	read := make(chan string)
	go func() {
		text, _ := io.ReadAll(r)
		read <- string(text)
	}()
	want := "head\n"
	for i := range 3 {
		lines := strings.Repeat(fmt.Sprintln("line", i), 2000)
		want += lines
		s.start()
		if err := s.write([]byte(lines)); err != nil {
			t.Fatal(err)
		}
	}
	s.to.Close()
	if got := <-read; got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestAReaderThatDoesNotKeepUp(t *testing.T) {
	s, r := pipe(t, "")
	s.waited = patience - 1e6 // a millisecond of it is left
	lines := strings.Repeat("0123456789\n", 1000)
	if err := s.write([]byte(lines)); !errors.Is(err, errSlow) {
		t.Fatalf("written into a full pipe: %v", err)
	}
	if err := s.write([]byte(lines)); !errors.Is(err, errSlow) { // no patience is left
		t.Fatalf("written into a full pipe: %v", err)
	}
	got := make([]byte, 4096)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	s.start()
	if err := s.write([]byte("whole\n")); err != nil {
		t.Fatal(err)
	}
	s.to.Close()
	scan := bufio.NewScanner(io.MultiReader(strings.NewReader(string(got)), r))
	var last string
	for scan.Scan() {
		last = scan.Text()
	}
	if last != "whole" { // and not glued to half a line
		t.Errorf("the last line is %q", last)
	}
}

func TestNobodyReadsStandardOutput(t *testing.T) {
	s, r := pipe(t, "")
	r.Close()
	if err := s.write([]byte("line\n")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("written to nobody: %v", err)
	}
}

func TestALogToStandardOutput(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := logOf(a).in(t, "${dstport} ${packets}")
	l.Destination, l.Header = StandardOutput, true
	other := l.named("other")
	other.Destination = StandardOutput // two may share it
	res := resources("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", everything(), everything(), instance(a, aAddr), neighbour(b, bAddr))
	w := newWorld(t, res, Options{Stdout: out}, l, other)
	w.web(80)
	w.sync()
	w.close()
	if err := out.Close(); err != nil { // the manager has left it open
		t.Error(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != strings.Repeat("dstport packets\n80 1\n", 2) {
		t.Errorf("%q, %v", text, err)
	}
}
