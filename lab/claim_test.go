package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sgate/sgate/internal/needs"
)

func testName(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", os.Getpid())
	t.Cleanup(func() {
		if _, err := os.Stat(folderOf(name)); err == nil {
			t.Errorf("%s is left", folderOf(name))
			os.RemoveAll(folderOf(name))
		}
	})
	return name
}

func TestClaimIsExclusive(t *testing.T) {
	needs.Root(t)
	name := testName(t)
	if pid, running := probe(name); running || pid != 0 {
		t.Errorf("before: process %d, running %v", pid, running)
	}
	f, err := claim(name)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // looking does not change it
		if pid, running := probe(name); !running || pid != os.Getpid() {
			t.Errorf("claimed: process %d, running %v", pid, running)
		}
	}
	if _, err := claim(name); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("already up (process %d)", os.Getpid())) {
		t.Errorf("a second claim: %v", err)
	}
	if err := f.release(); err != nil {
		t.Error(err)
	}
	if _, running := probe(name); running {
		t.Error("it runs after its release")
	}
}

// TestClaimsTakeTurns has many claim and release one name, and others look.
func TestClaimsTakeTurns(t *testing.T) {
	needs.Root(t)
	name := testName(t)
	var holders sync.Mutex
	var everyone sync.WaitGroup
	claims := 0
	for range 4 {
		everyone.Go(func() {
			for range 300 {
				f, err := claim(name)
				if err != nil {
					if !strings.Contains(err.Error(), "already up") {
						t.Error(err)
					}
					continue
				}
				if !holders.TryLock() {
					t.Error("two have the name")
					return
				}
				claims++
				holders.Unlock()
				if err := f.release(); err != nil {
					t.Error(err)
				}
			}
		})
		everyone.Go(func() {
			for range 300 {
				if _, err := List(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	everyone.Wait()
	if claims == 0 {
		t.Error("nobody got the name")
	}
}

// TestSignalForTheHolderAlone leaves the id of a process that has nothing to do
// with the lab in its lock file, as a crash does once the id is used again.
func TestSignalForTheHolderAlone(t *testing.T) {
	needs.Root(t)
	name := testName(t)
	f, err := claim(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.release()
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer bystander.Wait()
	defer bystander.Process.Kill()
	if err := endHolder(name, bystander.Process.Pid, unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := bystander.Process.Signal(unix.Signal(0)); err != nil {
		t.Errorf("the bystander was ended: %v", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", bystander.Process.Pid))
	if err != nil || strings.Contains(string(status), "\nState:\tZ") {
		t.Errorf("the bystander was ended: %v", err)
	}
	if !hasOpen(os.Getpid(), lockFile(name)) {
		t.Error("the holder is not seen to hold it")
	}
}
